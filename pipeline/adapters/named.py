"""Adapters by name alone, for a server that has them: `adapters=named`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.adapters.adapter import Adapter, check_name
from pipeline.adapters.lora_file import LoraFile
from pipeline.adapters.source import AdapterSource
from pipeline.adapters.variants import FILELESS
from pipeline.errors import UsageError, shown
from pipeline.models.config import ModelConfig
from pipeline.settings import STRICT


class NamedLora(LoraFile):
    """Of an adapter whose files are elsewhere."""

    def unusual(self) -> list[str]:
        """That there are no files, which an engine must say that it can do without."""
        return [FILELESS]


class NamedAdapter(Adapter):
    """An adapter that a server has, and of which nothing but the name is known here."""

    @classmethod
    def of(cls, name: str) -> Self:
        """The adapter of that name."""
        return cls(name, NamedLora(Path(name), {}, {}))

    def check_numbers(self) -> Self:
        """Itself: there are no numbers here."""
        return self

    @property
    def folders(self) -> tuple[Path, ...]:
        """None."""
        return ()

    def fingerprint(self) -> str:
        """Its name: what it does is whatever the server has."""
        return f"{self.name}:unknown"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NamedAdapters(AdapterSource):
    """Settings of `adapters=named`.

    Attributes:
        name: what the user typed.
        adapter_names: what the adapters are called, most popular first.
    """

    name: str
    adapter_names: Annotated[Sequence[str], Field(min_length=1, max_length=100_000)]

    def __post_init__(self) -> None:
        for each in self.adapter_names:
            check_name(each, "adapters.adapter_names")
        if len(set(self.adapter_names)) < len(self.adapter_names):
            twice = next(e for e in self.adapter_names if [*self.adapter_names].count(e) > 1)
            raise UsageError(f"adapters.adapter_names: has {shown(twice)} twice")

    def names(self) -> tuple[str, ...]:
        """As they were given."""
        return tuple(self.adapter_names)

    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """Whatever the model is."""
        return tuple(map(NamedAdapter.of, self.adapter_names))
