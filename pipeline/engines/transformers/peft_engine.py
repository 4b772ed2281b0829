"""What the engines built on PEFT have in common."""

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.engines.transformers.engine import TransformersEngine
from pipeline.engines.transformers.settings import StaticSettings
from pipeline.models.quantization import Quantization
from pipeline.settings import STRICT

if TYPE_CHECKING:
    from pipeline.engines.transformers.peft_model import PeftAdapters


@dataclass(frozen=True, config=STRICT, kw_only=True)
class PeftSettings(StaticSettings):
    """Settings of an engine built on PEFT, which leaves the base's weights as they are stored."""

    quantizations: ClassVar[frozenset[Quantization]] = frozenset(Quantization)


class PeftEngine(TransformersEngine):
    """Base model, tokenizer and PEFT adapters."""

    peft: "PeftAdapters"

    def __enter__(self) -> Self:
        from pipeline.engines.transformers.base_model import BaseModel
        from pipeline.engines.transformers.peft_model import PeftAdapters

        precision = self.settings.precision
        self.base = BaseModel(self.serving, precision, self.clock, self._sampler)
        self.peft = PeftAdapters(self.base)
        self.cache.preload(self.adapters)
        return self

    def close(self) -> None:
        """Free the model."""
        del self.peft, self.base

    def load_adapter(self, adapter: Adapter) -> str:
        """Through PEFT, from safetensors; what PEFT calls it."""
        return self.peft.load(adapter)

    def free_adapter(self, loaded: str) -> None:
        """Through PEFT."""
        self.peft.free(loaded)
