"""PEFT's mixed batches: `generate(adapter_names=…)`, which loops over adapters in every layer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from pipeline.adapters.variants import TABLES
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.peft_engine import PeftEngine, PeftSettings
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.settings import STRICT

BASE_MODEL = "__base__"
"""PEFT's name for rows that no adapter touches."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PeftMixedSettings(PeftSettings):
    """Settings of `engine=peft_mixed`.

    PEFT refuses a row whose adapter has DoRA; a module that is saved whole, or trainable tokens,
    it takes from the active adapter, or finds none for a row of another: only what is inside the
    low-rank update is told apart by row.
    """

    variants: ClassVar[frozenset[str]] = frozenset({"lora_bias", *TABLES})
    capabilities: ClassVar[Capabilities] = Capabilities(
        mixes_adapters=True,
        cancels=True,
        per_request_sampling=True,
        logprobs=True,
        adds_adapters=True,
    )

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return PeftMixed(self, serving)


class PeftMixed(PeftEngine):
    """Any adapters in one batch; there is no active adapter, so nothing is ever switched."""

    def switch(self, loaded: str | None) -> None:
        """Nothing to do: every row names its adapter."""

    @contextmanager
    def adapted(self, adapters: Sequence[str | None]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The PEFT model and one adapter name a row."""
        model = self.peft.model_to_call()
        if model is None:
            yield self.base.model, {}
        else:
            names = [BASE_MODEL if name is None else name for name in adapters]
            yield model, {"adapter_names": names}
