"""Where tokens begin in the text that they make together."""

from collections.abc import Collection, Iterable

from tokenizers import Tokenizer

from pipeline.inference.detokeniser import detokeniser


class TextPlaces:
    """Of one text, token by token: it isn't as long as its tokens are, each by itself.

    A character may lie in several tokens, which begin where it does, and a space at the beginning
    of a token may be part of the text in its middle alone.
    """

    def __init__(self, tokenizer: Tokenizer, start: int, unseen: Collection[int]) -> None:
        """Of a text with no token yet.

        Args:
            tokenizer: of the tokens.
            start: where the text begins in another one.
            unseen: tokens that the text leaves out.
        """
        self._detokeniser = detokeniser(tokenizer)
        self._at, self._unseen = start, unseen

    def of(self, ids: Iterable[int]) -> list[int]:
        """Of each of the next tokens."""
        places = []
        for id_ in ids:
            places.append(self._at)
            if id_ not in self._unseen:
                self._at += len(self._detokeniser.add(id_))
        return places
