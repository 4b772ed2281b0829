"""No adapters, the base model alone: `adapters=none`."""

from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.source import AdapterSource
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoAdapters(AdapterSource):
    """Settings of `adapters=none`: every request asks the base model."""

    name: str

    def names(self) -> tuple[str, ...]:
        """None at all."""
        return ()

    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """None at all."""
        return ()
