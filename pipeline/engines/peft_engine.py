"""What the engines built on PEFT have in common."""

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pipeline.engines.static_batch import StaticBatchEngine

if TYPE_CHECKING:
    from pipeline.engines.base_model import BaseModel
    from pipeline.engines.peft_model import PeftAdapters


class PeftEngine(StaticBatchEngine):
    """Base model, tokenizer and PEFT adapters; torch is imported when it is entered."""

    base: "BaseModel"
    peft: "PeftAdapters"

    def __enter__(self) -> Self:
        from pipeline.engines.base_model import BaseModel
        from pipeline.engines.peft_model import PeftAdapters

        self.base = BaseModel(self.serving, self.settings.precision, self.clock)
        self.peft = PeftAdapters(self.base)
        self.residency.preload(self.serving.adapters)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del self.peft, self.base

    def load_adapter(self, name: str) -> None:
        """Through PEFT, from safetensors."""
        self.peft.load(self.serving.adapters[name])

    def unload_adapter(self, name: str) -> None:
        """Through PEFT."""
        self.peft.unload(name)

    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """With the model's own tokenizer."""
        return self.base.encode(prompts)

    def decode(self, outputs: Sequence[Sequence[int]]) -> list[str]:
        """With the model's own tokenizer."""
        return self.base.decode(outputs)

    @property
    def weight_bytes(self) -> int:
        """Of the base model, as loaded."""
        return self.base.weight_bytes

    @property
    def eos(self) -> frozenset[int]:
        """As the model's generation config says."""
        return self.base.eos
