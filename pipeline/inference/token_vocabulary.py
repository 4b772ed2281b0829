"""Token ids, and what they are as text."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

from tokenizers import Tokenizer


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
        """Of the tokens that aren't text, such as the one that ends it."""
        added = self.tokenizer.get_added_tokens_decoder()
        return frozenset(id_ for id_, token in added.items() if token.special)

    @cached_property
    def fingerprint(self) -> str:
        """The same for those alone that read and write every text by the same ids."""
        return hashlib.sha256(f"{self.size} {self.tokenizer.to_str()}".encode()).hexdigest()
