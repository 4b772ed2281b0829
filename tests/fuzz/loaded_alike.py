"""Whether preflight accepts what PEFT accepts, and one forward pass of ours gives PEFT's logits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.adapter import Adapter
from pipeline.config.run_config import RunConfig
from pipeline.engines.multilora.assembly import score
from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.multilora.lora import LoadPlan
from tests.fuzz.campaign import Outcome
from tests.fuzz.loaded import Loaded
from tests.fuzz.peft_answers import PeftAnswers
from tests.fuzz.served_alike import CONTINUATION, EXPONENTS_F32, unlike

PROMPT = (40, 101, 7, 200, 33)


class LoadedAlike(Loaded):
    """With the base loaded twice: packed for our kernels, and as PEFT's model."""

    def __init__(self, job: RunConfig) -> None:
        super().__init__(job)
        self._answers = PeftAnswers(self.checkpoint.folder)
        self._decoder = Decoder.load(self.checkpoint, "fp32", self.kernels)

    def of_others(self, adapters: Sequence[Adapter], said: str) -> Outcome:
        """PEFT has to take it all the same."""
        found = self._against_peft(adapters[0].folder, None)
        return found if found.kind == "unlike" else Outcome("refused", "", said)

    def of_ours(self, adapters: Sequence[Adapter]) -> Outcome:
        """Logits of a continuation, in fp32."""
        base = self.checkpoint
        plan = LoadPlan.of(adapters[0], base.config, "fp32", base)
        loaded = plan.load(self.kernels)
        ours = score(self._decoder, loaded, PROMPT, CONTINUATION)
        return self._against_peft(adapters[0].folder, ours)

    def _against_peft(self, folder: Path, ours: Any) -> Outcome:
        try:
            theirs = self._answers.logits(folder, PROMPT)
        except Exception as error:
            return Outcome("unlike", "", f"PEFT refuses it: {error!r}"[:3000])
        if ours is None:
            return Outcome("served", "")
        if not np.isfinite(ours).all():
            beyond = not np.isfinite(theirs).all() or np.abs(theirs).max() > EXPONENTS_F32
            return Outcome("failed" if beyond else "unlike", "", "NaN where PEFT has numbers")
        fault = unlike(ours, theirs, "fp32")
        return Outcome("unlike" if fault else "served", "", fault)
