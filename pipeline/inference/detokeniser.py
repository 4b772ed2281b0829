"""From tokens to text as they come: whole characters alone, and never a character that changes.

What a token says depends on its neighbours: a character may lie in several tokens, a space may be
dropped at the beginning alone. Each kind of decoder needs another memory, never a long one.
"""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Protocol

from tokenizers import Tokenizer

BY_TOKEN = frozenset({"Replace", "Strip", "Metaspace", "BPEDecoder", "WordPiece"})
"""Decoders that look at each token, at whether it is the first, and whether it is the last."""


class Detokeniser(Protocol):
    """Of one output. Its pieces, put together, are what the tokenizer makes of all the ids."""

    def add(self, id_: int) -> str:
        """What is certain to be the text's next piece now that there is one more token."""

    def finish(self) -> str:
        """The rest, for there are no more tokens; half a character is a replacement character."""


def detokeniser(tokenizer: Tokenizer) -> Detokeniser:
    """For one output; special tokens are part of the text.

    Of a decoder that looks at the whole text nothing is certain before the end.
    """
    kinds = [each["type"] for each in _steps(tokenizer.decoder)]
    if kinds == ["ByteLevel"]:
        return ByteDetokeniser(tokenizer)
    fused = kinds.index("Fuse") if "Fuse" in kinds else len(kinds)
    before, after = kinds[:fused], _steps(tokenizer.decoder)[fused + 1 :]
    heads = all(each["type"] == "Strip" and not each["stop"] for each in after)
    if {*before} <= BY_TOKEN | {"ByteFallback"} and heads:
        return WindowDetokeniser(tokenizer, has_bytes="ByteFallback" in before)
    return WholeDetokeniser(tokenizer)


def _steps(decoder: Any) -> list[Mapping[str, Any]]:
    """What a tokenizer's decoder does, one thing after the other; nothing if it has none."""
    return [] if decoder is None else [*_flat(json.loads(decoder.__getstate__()))]


def _flat(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if step["type"] == "Sequence":
        yield from chain.from_iterable(map(_flat, step["decoders"]))
    else:
        yield step


def _alphabet() -> dict[str, int]:
    """GPT-2's: bytes that print stand for themselves, the others for characters from 256 on."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [each for each in range(256) if each not in printing]
    moved = {chr(256 + place): byte for place, byte in enumerate(others)}
    return {chr(byte): byte for byte in printing} | moved


ALPHABET = _alphabet()


class ByteDetokeniser:
    """Of byte-level tokens: an incomplete character waits for its other bytes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = getincrementaldecoder("utf-8")("replace")

    def add(self, id_: int) -> str:
        """See `Detokeniser`."""
        token = self._tokenizer.id_to_token(id_) or ""
        try:
            return self._decoder.decode(bytes(ALPHABET[each] for each in token))
        except KeyError:  # Of an added token, which stands there as it is.
            return self._decoder.decode(token.encode())

    def finish(self) -> str:
        """See `Detokeniser`."""
        return self._decoder.decode(b"", final=True)


class WindowDetokeniser:
    """Of tokens that say something each: a window of the last ones is decoded with and without it.

    The window begins with tokens that are known to make text, because the first token of a text
    may be decoded in another way. Bytes wait until the run of bytes ends, for one that is no
    character's makes replacement characters of all of them.
    """

    def __init__(self, tokenizer: Tokenizer, has_bytes: bool) -> None:
        """For one output.

        Args:
            tokenizer: as detokenisers take it.
            has_bytes: whether tokens such as `<0x0A>` are bytes.
        """
        self._tokenizer, self._has_bytes = tokenizer, has_bytes
        self._beginning: list[int] = []
        self._window: list[int] = []
        self._told = 0

    def add(self, id_: int) -> str:
        """See `Detokeniser`."""
        token = self._tokenizer.id_to_token(id_)
        if token is None:  # The tokenizer passes over it.
            return ""
        self._window.append(id_)
        return "" if self._has_bytes and _is_byte(token) else self.finish()

    def finish(self) -> str:
        """See `Detokeniser`."""
        text = self._decoded(self._window)
        piece = text[self._told :]
        if text and not self._beginning:
            last = self._window[-1:]
            self._beginning = last if self._decoded(last) else self._window
        if self._beginning:
            self._window = [*self._beginning, self._window[-1]]
        self._told = len(self._decoded(self._window))
        return piece

    def _decoded(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=False)
        return text


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")


class WholeDetokeniser:
    """Of decoders that look at the whole text: it comes as one piece, at the end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []

    def add(self, id_: int) -> str:
        """See `Detokeniser`."""
        self._ids.append(id_)
        return ""

    def finish(self) -> str:
        """See `Detokeniser`."""
        text: str = self._tokenizer.decode(self._ids, skip_special_tokens=False)
        return text
