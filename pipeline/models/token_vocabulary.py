"""Token ids, and what they are as text."""

from dataclasses import dataclass
from functools import cached_property

from tokenizers import Tokenizer

from pipeline.models.tokenizer import special_ids


@dataclass(frozen=True, eq=False)
class TokenVocabulary:
    """A model's, or that of an adapter whose trainer has added tokens to the model's.

    Attributes:
        size: number of ids, which the tokenizer needn't all use.
        tokenizer: from text to ids, and back.
    """

    size: int
    tokenizer: Tokenizer

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Of the tokens that aren't text."""
        return special_ids(self.tokenizer)
