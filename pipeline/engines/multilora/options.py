"""What `engine=multilora` is told."""

from pathlib import Path

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.engines.paged.queue_order import QueuePolicy
from pipeline.engines.settings import EngineSettings
from pipeline.kernels.choice import KernelChoice
from pipeline.kernels.formats import ActivationDtype, NumberDtype, Precision
from pipeline.settings import STRICT, kept

MEGABYTE = 10**6


@dataclass(frozen=True, config=STRICT, kw_only=True)
class MultiloraOptions(EngineSettings):
    """How exactly it computes, how much at a time, and how much memory it takes.

    Attributes:
        name: what the user typed.
        precision: of the base model's weights.
        activations: what int8 weights are multiplied by, those of int4's output layer too. None
            takes int8 where the processor has dot products of bytes, elsewhere int16, which loses
            nothing and is as fast there.
        adapter_precision: of the adapters in memory; None takes fp32 beside fp32, else fp16, which
            loses nothing of adapters that were saved in fp16.
        kv_precision: of keys and values; None takes fp32 beside fp32, else fp16. int8 has a scale
            for each position of a head.
        kernels: `native`, compiled for this machine, or `reference`, each kernel in plain PyTorch,
            far slower. Where the native ones can't be compiled the reference stands in for them,
            and the run is INVALID.
        max_batch_size: most sequences that run together.
        prefill_tokens: most prompt tokens in a step. Smaller ones disturb running requests less,
            larger ones read the weights less often.
        kv_tokens: positions in the KV pool; None takes what `max_batch_size` sequences of 1024
            need, and at least one sequence of the model's full length, within a quarter of the
            free memory.
        prefix_cache: find the beginnings of prompts that were computed before, and don't compute
            them again. Off, every prompt is computed whole, as it is by engines without such a
            cache.
        policy: `fcfs`; or `adapter_aware`: those first whose adapter is in memory; or `fair`: those
            first whose adapter was served least, so that no adapter's queue holds up another's.
        patience: most requests that may overtake one for their adapter's sake.
        adapter_memory_mb: most memory for adapters, in 10⁶ bytes; None keeps all.
        cache: folder in whose `packed` int8 and int4 weights are kept, so that the next start reads
            them; None packs anew each time.
    """

    name: str
    precision: Precision = "fp32"
    activations: ActivationDtype | None = None
    adapter_precision: NumberDtype | None = None
    kv_precision: NumberDtype | None = None
    kernels: KernelChoice = "native"
    max_batch_size: PositiveInt = 32
    prefill_tokens: PositiveInt = 256
    kv_tokens: PositiveInt | None = None
    prefix_cache: bool = False
    policy: QueuePolicy = QueuePolicy.FCFS
    patience: NonNegativeInt = 32
    adapter_memory_mb: PositiveFloat | None = None
    cache: Path | None = kept(None)

    @property
    def adapter_dtype(self) -> NumberDtype:
        """The adapters' precision, the default resolved."""
        return self.adapter_precision or ("fp32" if self.precision == "fp32" else "fp16")

    @property
    def kv_dtype(self) -> NumberDtype:
        """The precision of keys and values, the default resolved."""
        return self.kv_precision or ("fp32" if self.precision == "fp32" else "fp16")

    @property
    def adapter_bytes(self) -> int | None:
        """The budget for adapters in bytes."""
        return None if self.adapter_memory_mb is None else round(self.adapter_memory_mb * MEGABYTE)
