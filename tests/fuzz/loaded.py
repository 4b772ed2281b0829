"""Whether our native loader puts an adapter that preflight accepts where NumPy puts it."""

from collections.abc import Sequence

import numpy as np

from pipeline.adapters.adapter import Adapter
from pipeline.config.run_config import RunConfig
from pipeline.engines.multilora.lora import LoadPlan
from pipeline.errors import UsageError
from pipeline.kernels.formats import NumberDtype
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels
from tests.fuzz.campaign import Outcome

DTYPES: tuple[NumberDtype, ...] = ("fp32", "fp16", "int8")


class Loaded:
    """The judge of a job's adapters, whatever folder they lie in by now."""

    def __init__(self, job: RunConfig) -> None:
        self.job, self.checkpoint = job, job.model.checkpoint()
        self.kernels = NativeKernels(1)

    def judge(self) -> Outcome:
        """Refused by what preflight asks of adapters and engine, or loaded in each precision."""
        try:
            adapters = self.job.adapters.preview(self.checkpoint.config)
        except UsageError as error:
            return Outcome("refused", "", str(error))
        try:
            self.job.engine.check(self.checkpoint, {each.name: each for each in adapters})
        except UsageError as error:
            return self.of_others(adapters, str(error))
        for dtype in DTYPES:
            self._as_numpy_puts_it(adapters[0], dtype)
        return self.of_ours(adapters)

    def of_others(self, adapters: Sequence[Adapter], said: str) -> Outcome:
        """Of an adapter that other engines serve."""
        return Outcome("refused", "", said)

    def of_ours(self, adapters: Sequence[Adapter]) -> Outcome:
        """Of an adapter that ours has loaded."""
        return Outcome("served", "")

    def _as_numpy_puts_it(self, adapter: Adapter, dtype: NumberDtype) -> None:
        plan = LoadPlan.of(adapter, self.checkpoint.config, dtype, self.checkpoint)
        native, plain = plan.load(self.kernels), plan.load(ReferenceKernels())
        np.testing.assert_array_equal(native.sites, plain.sites)
        np.testing.assert_array_equal(native.data.numpy(), plain.data.numpy())
