"""How texts and conversations become token ids: the model's way, and that of adapters' own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.workload.prompts.source import Encode


class Template(Protocol):
    """The chat template of a model, with its tokenizer."""

    def encode(self, text: str) -> Sequence[int]:
        """Token ids of a text that it made, none added."""

    def sha256(self, path: Path | None) -> str:
        """Of the template; of the one in a file, if one is named."""

    def render(
        self,
        conversations: Sequence[Sequence[tuple[str, str]]],
        places: Sequence[str],
        path: Path | None,
    ) -> list[str]:
        """Texts of conversations, given as role and content of each turn."""


@dataclass(frozen=True)
class TextReader:
    """Of the model, or of an adapter that was trained with tokens added.

    Attributes:
        encode: its tokenizer, as engines call it.
        template: its chat template, with the same.
    """

    encode: Encode
    template: Template


TextReaders = Mapping[str | None, TextReader]
"""By adapter, of those that have one of their own; for all others the model's reads."""
NO_OWN: TextReaders = {}
"""Where the model's reads for all."""


def tokenizer_of(adapter: str | None, own: TextReaders, model: Encode) -> Encode:
    """Who makes the ids of a text that an adapter is asked: its own, or the model's."""
    reader = own.get(adapter)
    return model if reader is None else reader.encode
