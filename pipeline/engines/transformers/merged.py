"""LoRA folded into the weights, one adapter at a time: the reference without LoRA's overhead."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.settings import Serving
from pipeline.engines.transformers.engine import TransformersEngine
from pipeline.engines.transformers.settings import StaticSettings
from pipeline.inference.engine import Engine
from pipeline.settings import STRICT

if TYPE_CHECKING:
    from pipeline.engines.transformers.lora_delta import Factors, Magnitudes


@dataclass(frozen=True, config=STRICT, kw_only=True)
class MergedSettings(StaticSettings):
    """Settings of `engine=merged`."""

    variants: ClassVar[frozenset[str]] = frozenset({"use_dora"})

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Merged(self, serving)


class Merged(TransformersEngine):
    """A plain transformers model whose weights change with the adapter."""

    def __enter__(self) -> Self:
        from pipeline.engines.transformers.base_model import BaseModel
        from pipeline.engines.transformers.lora_delta import FoldedWeights

        precision = self.settings.precision
        self.base = BaseModel(self.serving, precision, self.clock, self._sampler)
        self._weights: FoldedWeights = FoldedWeights(self.base.model)
        self.cache.preload(self.adapters)
        return self

    def close(self) -> None:
        """Free the model."""
        self.cache.close()
        del self._weights, self.base

    def load_adapter(self, adapter: Adapter) -> "tuple[Factors, Magnitudes]":
        """Read the adapter's matrices, and magnitudes where it has DoRA."""
        from pipeline.engines.transformers.lora_delta import read_factors, read_magnitudes

        return read_factors(adapter), read_magnitudes(adapter)

    def free_adapter(self, loaded: "tuple[Factors, Magnitudes]") -> None:
        """Nothing to do: the matrices go unused, and stay folded until the next switch."""

    def switch(self, loaded: "tuple[Factors, Magnitudes] | None") -> None:
        """Fold the adapter into the weights."""
        factors, magnitudes = loaded or ({}, {})
        self._weights.fold(factors, magnitudes)

    @contextmanager
    def adapted(self, adapters: Sequence[str | None]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The plain model, whose weights hold the adapter already."""
        yield self.base.model, {}
