"""The prototype's engine: `set_adapter`, then `generate`, one adapter group after the other."""

from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from pipeline.engines.engine import Engine, Serving
from pipeline.engines.peft_engine import PeftEngine
from pipeline.engines.static_batch import Output, StaticSettings
from pipeline.settings import STRICT
from pipeline.workload.request import Request


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Settings(StaticSettings):
    """Settings of `engine=peft_hotswap`."""

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return PeftHotswap(self, serving)


class PeftHotswap(PeftEngine):
    """One adapter a batch; changing it is `PeftModel.set_adapter`."""

    def switch(self, name: str | None) -> None:
        """Put the adapter into effect; the base model needs no switch, only to be asked."""
        if name is not None:
            self.peft.model.set_adapter(name)

    def generate(self, prompts: Sequence[Sequence[int]], batch: Sequence[Request]) -> Output:
        """`generate` with the adapter in effect, or with all of them off."""
        new_tokens = max(request.max_new_tokens for request in batch)
        if self.peft.model is None:
            return self.base.generate(self.base.model, prompts, new_tokens)
        if batch[0].adapter is None:
            with self.peft.model.disable_adapter():
                return self.base.generate(self.peft.model, prompts, new_tokens)
        return self.base.generate(self.peft.model, prompts, new_tokens)
