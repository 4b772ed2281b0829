"""Settings of `engine=llama_cpp`: whether what it is told can be had, and the engine."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.llama_cpp.options import LlamaCppOptions
from pipeline.engines.needs import Need, cached, updates
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT

ADAPTER_WIDTH = 4
"""Bytes of a number in the adapter files that are written here."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LlamaCppSettings(LlamaCppOptions):
    """llama.cpp's own library, as llama-cpp-python has it."""

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
