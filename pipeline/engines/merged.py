"""LoRA folded into the weights, one adapter at a time: the reference without LoRA's overhead."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.engine import Engine, Serving
from pipeline.engines.static_batch import Output, StaticBatchEngine, StaticSettings
from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.request import Request

if TYPE_CHECKING:
    from pipeline.engines.base_model import BaseModel
    from pipeline.engines.lora_delta import Factors


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Settings(StaticSettings):
    """Settings of `engine=merged`."""

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Merged(self, serving)

    def check(self, adapters: Mapping[str, Adapter]) -> None:
        """Only plain LoRA can be folded here."""
        for adapter in adapters.values():
            if found := adapter.lora.unusual():
                raise UsageError(
                    f"engine=merged can't serve {adapter.name} ({', '.join(found)}); "
                    "use engine=peft_hotswap"
                )


class Merged(StaticBatchEngine):
    """A plain transformers model whose weights change with the adapter."""

    base: "BaseModel"

    def __enter__(self) -> Self:
        from pipeline.engines.base_model import BaseModel
        from pipeline.engines.lora_delta import FoldedWeights

        self.base = BaseModel(self.serving, self.settings.precision, self.clock)
        self._factors: dict[str, Factors] = {}
        self._weights: FoldedWeights = FoldedWeights(self.base.model)
        self.residency.preload(self.serving.adapters)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del self._weights, self._factors, self.base

    def load_adapter(self, name: str) -> None:
        """Read the adapter's matrices."""
        from pipeline.engines.lora_delta import read_factors

        self._factors[name] = read_factors(self.serving.adapters[name])

    def unload_adapter(self, name: str) -> None:
        """Forget the adapter's matrices; its weights stay folded until the next switch."""
        del self._factors[name]

    def switch(self, name: str | None) -> None:
        """Fold the adapter into the weights."""
        self._weights.fold({} if name is None else self._factors[name])

    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """With the model's own tokenizer."""
        return self.base.encode(prompts)

    def decode(self, outputs: Sequence[Sequence[int]]) -> list[str]:
        """With the model's own tokenizer."""
        return self.base.decode(outputs)

    def generate(self, prompts: Sequence[Sequence[int]], batch: Sequence[Request]) -> Output:
        """Plain `generate`."""
        new_tokens = max(request.max_new_tokens for request in batch)
        return self.base.generate(self.base.model, prompts, new_tokens)

    @property
    def weight_bytes(self) -> int:
        """Of the base model, as loaded."""
        return self.base.weight_bytes

    @property
    def eos(self) -> frozenset[int]:
        """As the model's generation config says."""
        return self.base.eos
