"""Settings of `engine=llama_cpp`, and what its kin share."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.llama_cpp.scheduler import GroupPolicy
from pipeline.engines.needs import Need, cached, updates
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.errors import UsageError
from pipeline.gguf.quantise import INSTALL
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT, kept

MOST = 256
"""llama.cpp's limit of sequences in a context, LLAMA_MAX_SEQ."""

LONGEST = 2**31 - 1
"""Places that llama.cpp can number."""

ADAPTER_WIDTH = 4
"""Bytes of a number in the adapter files that are written here."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LlamaCppSettings(EngineSettings):
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

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        from pipeline.engines.llama_cpp.engine import LlamaCpp
        from pipeline.engines.llama_cpp.mainline import Mainline

        return LlamaCpp(self, serving, Mainline)

    def check(self, checkpoint: Checkpoint, adapters: Mapping[str, Adapter]) -> None:
        """llama.cpp applies plain LoRA alone, and has to be installed; the files have to fit.

        Raises:
            UsageError: something of model, adapters or ready-made files can't be served.
        """
        from pipeline.gguf.layout import check_family

        ready = self.adapters_gguf or {}
        if find_spec(self.package) is None:
            raise UsageError(f"engine={self.name} needs {self.install}")
        if unknown := sorted(ready.keys() - adapters.keys()):
            raise UsageError(
                f"engine.adapters_gguf: no adapter is called {unknown[0]}; "
                f"use one of {', '.join(adapters)}"
            )
        written = {name: adapter for name, adapter in adapters.items() if name not in ready}
        super().check(checkpoint, written)
        check_family(checkpoint.config, str(checkpoint.folder))
        self._check_files(checkpoint, ready)

    def check_length(self, model: ModelConfig, positions: int) -> None:
        """The cache holds so many, and the model is computed as transformers does for so many.

        Raises:
            UsageError: a sequence is longer than either.
        """
        from pipeline.gguf.layout import longest

        if positions > self.context:
            raise UsageError(
                f"engine.context={self.context}: the longest request needs {positions} positions; "
                "raise it"
            )
        if positions > (most := longest(model)):
            why, others = "rotary embedding changes after", "a PEFT engine"
            if model.steady > most:
                why, others = "sliding window has", f"engine=multilora or {others}"
            raise UsageError(
                f"engine={self.name}: the longest request needs {positions} positions, and the "
                f"model's {why} {most}, which llama.cpp doesn't keep to "
                f"in this family; use {others}"
            )

    def needs(self, serving: Serving, together: Sequence[Request]) -> Sequence[Need]:
        """The cache, all of it at once, and the adapters; the weights' file is only mapped."""
        shape = serving.checkpoint.config
        resident = islice(serving.adapters.values(), self.resident_adapters)
        return (
            Need(
                f"keys and values (engine.context={self.context})",
                cached(shape, self.context, 4 if self.exact else 2),
            ),
            Need("adapters (engine.resident_adapters)", updates(resident, ADAPTER_WIDTH)),
        )

    def _check_files(self, checkpoint: Checkpoint, ready: Mapping[str, Path]) -> None:
        from pipeline.gguf.check import check_gguf
        from pipeline.gguf.ready_made import check_adapter_gguf
        from pipeline.gguf.same_model import check_same_model

        if self.precision != "file":
            check_gguf(checkpoint, self.precision)
        elif self.gguf is not None:
            check_same_model(self.gguf, checkpoint)
        elif checkpoint.gguf is None:
            raise UsageError(
                "engine.precision=file: no file; name one by engine.gguf=…, or by "
                "model=gguf model.path=…"
            )
        for path in ready.values():
            check_adapter_gguf(path, checkpoint.config)
