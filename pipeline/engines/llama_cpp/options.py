"""What `engine=llama_cpp` and its kin are told."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.engines.llama_cpp.scheduler import GroupPolicy
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.gguf.quantise import INSTALL
from pipeline.inference.capabilities import Capabilities
from pipeline.settings import STRICT, kept

MOST = 256
"""llama.cpp's limit of sequences in a context, LLAMA_MAX_SEQ."""

LONGEST = 2**31 - 1
"""Places that llama.cpp can number."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LlamaCppOptions(EngineSettings):
    """Which weights, which policy, and how much room.

    Attributes:
        package: what has to be installed, as Python imports it.
        install: what is to be installed, and by which command.
        rank_multiple: what the ranks of adapters are filled up with zeros to a whole number of.
        name: what the user typed.
        precision: of the weights in the GGUF file; with f32 the KV cache is in f32 too, else in
            f16. `file` takes a ready-made file as it is: `gguf`, or the one that is the model.
        policy: `grouped` or `interleaved`.
        max_batch_size: most requests at once; a row of logits is kept ready for each.
        resident_adapters: most adapters in memory; None keeps all.
        context: places in the KV cache, which all running requests share; no fewer than
            `max_batch_size`, as each needs one.
        gguf: a ready-made base file, in place of one written from the checkpoint.
        adapters_gguf: ready-made adapter files by the adapter's name.
        cache: where written files are kept.
    """

    package: ClassVar[str] = "llama_cpp"
    install: ClassVar[str] = f"llama-cpp-python; install it: {INSTALL}"
    rank_multiple: ClassVar[int] = 1
    name: str
    cache: Path = kept()
    precision: Literal["f32", "f16", "q8_0", "q4_0", "q4_k_m", "file"] = "f16"
    policy: GroupPolicy = GroupPolicy.GROUPED
    max_batch_size: Annotated[int, Field(ge=1, le=MOST)] = 64
    resident_adapters: PositiveInt | None = None
    context: Annotated[int, Field(ge=1, le=LONGEST)] = 4096
    gguf: Path | None = None
    adapters_gguf: Mapping[str, Path] | None = None
    capabilities: ClassVar[Capabilities] = Capabilities(
        stream=True,
        cancels=True,
        per_request_sampling=True,
        logprobs=True,
        adds_adapters=True,
        constrains=True,
    )

    def __post_init__(self) -> None:
        if self.gguf is not None and self.precision != "file":
            raise UsageError(
                f"engine.precision={self.precision}: engine.gguf=… is taken as it is; "
                "engine.precision=file belongs to it"
            )
        if self.context < self.max_batch_size:
            raise UsageError(
                f"engine.context={self.context}: has no place for each of the "
                f"engine.max_batch_size={self.max_batch_size} requests; raise it, or lower that"
            )

    @property
    def exact(self) -> bool:
        """Whether keys and values are kept in float32, as the weights are."""
        return self.precision == "f32"
