"""The base model, or an adapter with tokens of its own, as endpoints see it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.inference.token_vocabulary import TokenVocabulary

LONG = 4096
"""Characters of a text from which on another thread tokenises it."""


@dataclass(frozen=True)
class ServedModel:
    """What endpoints know of the base model, and of whoever reads and writes other tokens on it.

    Attributes:
        folder: where the base lies.
        tokens: which it reads and writes.
        longest: positions that a request may need, prompt and answer together.
        end_ids: those that end an answer.
        max_batch_size: requests, and so adapters, that run together; None for no limit.
    """

    folder: Path
    tokens: TokenVocabulary
    longest: int
    end_ids: frozenset[int] = frozenset()
    max_batch_size: int | None = None

    async def encode(self, text: str, special: bool = True) -> list[int]:
        """Token ids of a text; a long one doesn't keep others waiting.

        Args:
            text: any.
            special: with the tokens that the tokenizer puts around a text.
        """
        if len(text) < LONG:
            return self._encode(text, special)
        return await asyncio.to_thread(self._encode, text, special)

    def decode(self, ids: Sequence[int], skip_special: bool = False) -> str:
        """The text of token ids."""
        text: str = self.tokens.tokenizer.decode(list(ids), skip_special_tokens=skip_special)
        return text

    def texts(self, ids: Iterable[int]) -> dict[int, str]:
        """The text of each token by itself."""
        return {id_: self.decode([id_]) for id_ in ids}

    def _encode(self, text: str, special: bool) -> list[int]:
        ids: list[int] = self.tokens.tokenizer.encode(text, add_special_tokens=special).ids
        return ids
