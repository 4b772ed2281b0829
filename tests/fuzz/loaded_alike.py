"""Whether our loader takes what PEFT takes, and one forward pass gives PEFT's logits."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.adapter import Adapter
from pipeline.config import RunConfig
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.kernels.native import NativeKernels
from pipeline.engines.multilora.kernels.reference import ReferenceKernels
from pipeline.engines.multilora.lora import Plan
from pipeline.engines.multilora.scoring import score
from pipeline.errors import UsageError
from tests.fuzz.campaign import Outcome
from tests.fuzz.peft_answers import PeftAnswers
from tests.fuzz.served_alike import CONTINUATION, EXPONENTS_F32, unlike

PROMPT = (40, 101, 7, 200, 33)


class LoadedAlike:
    """What is loaded once for all cases: the base, packed for our kernels, and PEFT's."""

    def __init__(self, job: RunConfig, answers: PeftAnswers) -> None:
        self._job, self._answers = job, answers
        self._checkpoint = job.model.checkpoint()
        self._kernels = NativeKernels(1)
        self._decoder = Decoder.load(self._checkpoint, "fp32", self._kernels)

    def judge(self) -> Outcome:
        """What preflight says of the job's adapters; what loader and kernels make of them."""
        shape = self._checkpoint.architecture
        try:
            adapters = self._job.adapters.preview(shape)
            for each in adapters:
                _as_numpy_reads(each, self._kernels, shape)
            named = {each.name: each for each in adapters}
            self._job.engine.check(self._checkpoint, named)
        except UsageError as error:
            said = str(error)
            if "can't serve" in said:  # what other engines serve: is it what PEFT takes?
                return self._against_peft(adapters[0].folder, None, said)
            return Outcome("refused", "", said)
        plan = Plan.of(adapters[0], shape, "fp32")
        loaded = plan.load(self._kernels)
        ours = score(self._decoder, loaded, PROMPT, CONTINUATION)
        return self._against_peft(adapters[0].folder, ours, "")

    def _against_peft(self, folder: Path, ours: Any, said: str) -> Outcome:
        try:
            theirs = self._answers.logits(folder, PROMPT)
        except Exception as error:
            return Outcome("unlike", "", f"PEFT refuses it: {error!r}"[:3000])
        if ours is None:
            return Outcome("refused", "", said)
        if not np.isfinite(ours).all():
            beyond = not np.isfinite(theirs).all() or np.abs(theirs).max() > EXPONENTS_F32
            return Outcome("failed" if beyond else "unlike", "", "NaN where PEFT has numbers")
        fault = unlike(ours, theirs, "fp32")
        return Outcome("unlike" if fault else "served", "", fault)


def _as_numpy_reads(adapter: Adapter, kernels: NativeKernels, shape: Any) -> None:
    """In each precision the native loader puts every byte where NumPy puts it."""
    if adapter.lora.unusual():
        return
    for dtype in ("fp32", "fp16", "int8"):
        plan = Plan.of(adapter, shape, dtype)
        native, plain = plan.load(kernels).packed, plan.load(ReferenceKernels()).packed
        np.testing.assert_array_equal(native.sites, plain.sites)
        np.testing.assert_array_equal(native.data.numpy(), plain.data.numpy())
