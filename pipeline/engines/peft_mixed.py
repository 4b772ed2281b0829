"""PEFT's mixed batches: `generate(adapter_names=…)`, which loops over adapters in every layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.engines.engine import Engine, Serving
from pipeline.engines.peft_engine import PeftEngine, PeftSettings
from pipeline.settings import STRICT

BASE_MODEL = "__base__"
"""PEFT's name for rows that no adapter touches."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Settings(PeftSettings):
    """Settings of `engine=peft_mixed`."""

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return PeftMixed(self, serving)


class PeftMixed(PeftEngine):
    """Any adapters in one batch; there is no active adapter, so nothing is ever switched."""

    mixes_adapters = True

    def switch(self, name: str | None) -> None:
        """Nothing to do: every row names its adapter."""

    @contextmanager
    def adapted(self, adapters: Sequence[str | None]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The PEFT model and one adapter name a row."""
        if self.peft.model is None:
            yield self.base.model, {}
        else:
            yield self.peft.model, {"adapter_names": [name or BASE_MODEL for name in adapters]}
