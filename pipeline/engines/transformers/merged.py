"""LoRA folded into the weights, one adapter at a time: the reference without LoRA's overhead."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from pydantic.dataclasses import dataclass

from pipeline.engines.settings import Serving
from pipeline.engines.transformers.engine import TransformersEngine
from pipeline.engines.transformers.static_batch import StaticSettings
from pipeline.inference.engine import Engine
from pipeline.settings import STRICT

if TYPE_CHECKING:
    from pipeline.engines.transformers.lora_delta import Factors


@dataclass(frozen=True, config=STRICT, kw_only=True)
class MergedSettings(StaticSettings):
    """Settings of `engine=merged`."""

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Merged(self, serving)


class Merged(TransformersEngine):
    """A plain transformers model whose weights change with the adapter."""

    def __enter__(self) -> Self:
        from pipeline.engines.transformers.base_model import BaseModel
        from pipeline.engines.transformers.lora_delta import FoldedWeights

        self.base = BaseModel(self.serving, self.settings.precision, self.clock)
        self._factors: dict[str, Factors] = {}
        self._weights: FoldedWeights = FoldedWeights(self.base.model)
        self.residency.preload(self.serving.adapters)
        return self

    def close(self) -> None:
        """Free the model."""
        del self._weights, self._factors, self.base

    def load_adapter(self, name: str) -> None:
        """Read the adapter's matrices."""
        from pipeline.engines.transformers.lora_delta import read_factors

        self._factors[name] = read_factors(self.serving.adapters[name])

    def unload_adapter(self, name: str) -> None:
        """Forget the adapter's matrices; its weights stay folded until the next switch."""
        del self._factors[name]

    def switch(self, name: str | None) -> None:
        """Fold the adapter into the weights."""
        self._weights.fold({} if name is None else self._factors[name])

    @contextmanager
    def adapted(self, adapters: Sequence[str | None]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The plain model, whose weights hold the adapter already."""
        yield self.base.model, {}
