"""The prototype's engine: `set_adapter`, then `generate`, one adapter group after the other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.engines.engine import Engine, Serving
from pipeline.engines.peft_engine import PeftEngine, PeftSettings
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Settings(PeftSettings):
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

    @contextmanager
    def adapted(self, adapters: Sequence[str | None]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
        """The PEFT model with the adapter in effect, or with all of them off."""
        if self.peft.model is None:
            yield self.base.model, {}
        elif adapters[0] is None:
            with self.peft.model.disable_adapter():
                yield self.peft.model, {}
        else:
            yield self.peft.model, {}
