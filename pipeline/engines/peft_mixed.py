"""PEFT's mixed batches: `generate(adapter_names=…)`, which loops over adapters in every layer."""

from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from pipeline.engines.engine import Engine, Serving
from pipeline.engines.peft_engine import PeftEngine
from pipeline.engines.static_batch import Output, StaticSettings
from pipeline.settings import STRICT
from pipeline.workload.request import Request

BASE_MODEL = "__base__"
"""PEFT's name for rows that no adapter touches."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Settings(StaticSettings):
    """Settings of `engine=peft_mixed`."""

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return PeftMixed(self, serving)


class PeftMixed(PeftEngine):
    """Any adapters in one batch; there is no active adapter, so nothing is ever switched."""

    mixes_adapters = True

    def switch(self, name: str | None) -> None:
        """Nothing to do: every row names its adapter."""

    def generate(self, prompts: Sequence[Sequence[int]], batch: Sequence[Request]) -> Output:
        """`generate` with one adapter name a row."""
        new_tokens = max(request.max_new_tokens for request in batch)
        if self.peft.model is None:
            return self.base.generate(self.base.model, prompts, new_tokens)
        names = [request.adapter or BASE_MODEL for request in batch]
        return self.base.generate(self.peft.model, prompts, new_tokens, adapter_names=names)
