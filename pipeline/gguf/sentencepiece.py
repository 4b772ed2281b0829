"""SentencePiece's BPE in GGUF, from the form in which `tokenizer.json` has it (Llama 2, TinyLlama).

SentencePiece merges the pair whose result has the highest score; `tokenizer.json` has an order of
pairs instead. The order is made from scores, so scores can be made from the order: the pairs
that make the same piece stand together, and there is one for every way to split it.
"""

import re
from collections.abc import Container, Iterator
from typing import Any

from gguf import TokenType

from pipeline.errors import UsageError
from pipeline.gguf.vocabulary import (
    PLAIN_BPE,
    Document,
    GgufVocabulary,
    check_plain_bpe,
    list_tokens,
    pairs,
)

SPACE = "▁"
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
_PREPEND = {"type": "Prepend", "prepend": SPACE}
_AT_SPACES = {"type": "Split", "pattern": {"String": " "}, "invert": False}
"""Gemma's: splits nothing, for the normalizer has left no space."""
_METASPACE = {"type": "Metaspace", "replacement": SPACE, "split": False}


def sentencepiece(document: Document, size: int, where: str) -> GgufVocabulary:
    """The vocabulary of a tokenizer that was converted from SentencePiece.

    One difference can't be written down: where the tokenizer says `Metaspace`, it puts no space
    before text that begins with one, and llama.cpp does, as SentencePiece did.

    Args:
        document: the tokenizer.
        size: rows of the model's embedding table.
        where: its path, for errors.

    Raises:
        UsageError: it isn't what SentencePiece's conversion makes, so that llama.cpp would merge
            in another order.
    """
    check_plain_bpe(document, where)
    prefix = _space_prefix(document)
    if prefix is None:
        raise UsageError(f"{where}: llama.cpp has no equal of this normalizer and pre-tokenizer")
    unknown = document["model"].get("unk_token")

    def kind(text: str) -> TokenType:
        if text == unknown:
            return TokenType.UNKNOWN
        return TokenType.BYTE if _BYTE.fullmatch(text) else TokenType.NORMAL

    tokens, types = list_tokens(document, size, kind, where)
    if types.count(TokenType.BYTE) != 256:
        raise UsageError(f"{where}: llama.cpp needs a token for each of the 256 bytes")
    scores = _scores(document, where)
    by_id = [scores.get(token, 0.0) for token in tokens]
    return GgufVocabulary("llama", "default", tokens, types, scores=by_id, space_prefix=prefix)


def _scores(document: Document, where: str) -> dict[str, float]:
    merges = pairs(document)
    scores: dict[str, float] = {}
    last = ""
    for left, right in merges:
        piece = left + right
        if piece != last and piece in scores:
            raise UsageError(f"{where}: {piece!r} is merged at two ranks; SentencePiece has one")
        scores.setdefault(piece, -float(len(scores)))
        last = piece
    own, listed = document["model"]["vocab"], {*merges}
    special = {token["content"] for token in document["added_tokens"]}
    for piece in own.keys() - special:
        for left, right in _parts(piece, own):
            if (left, right) not in listed:
                raise UsageError(
                    f"{where}: {left!r} + {right!r} isn't a merge though {piece!r} is a token; "
                    "llama.cpp would merge them"
                )
    return scores


def _space_prefix(document: Document) -> bool | None:
    normalizer, pre_tokenizer = document.get("normalizer"), document.get("pre_tokenizer")
    if normalizer and pre_tokenizer and _same(pre_tokenizer, _AT_SPACES):
        pre_tokenizer = None
    if pre_tokenizer is None and normalizer:
        steps = normalizer.get("normalizers", [normalizer])
        known = [_same(steps[-1], _REPLACE), *(_same(step, _PREPEND) for step in steps[:-1])]
        return len(steps) == 2 if all(known) and len(steps) < 3 else None
    if normalizer is None and pre_tokenizer and _same(pre_tokenizer, _METASPACE):
        return bool(pre_tokenizer.get("prepend_scheme", "always") != "never")
    return None


def _same(part: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return {key: part.get(key) for key in wanted} == wanted


def sentencepiece_parts(
    tokens: list[str], types: list[int], scores: list[float], prefix: bool
) -> Document:
    """What of a `tokenizer.json` is the algorithm's own.

    llama.cpp joins neighbours whose text is a token, those of the highest score first: every way
    to part a token is a merge, and their order is that of the scores.

    Args:
        tokens: by id.
        types: `gguf.TokenType` by id.
        scores: by id.
        prefix: a space is put before the text.
    """
    vocab = {token: id_ for id_, token in enumerate(tokens)}
    kinds = dict(zip(tokens, types, strict=True))
    plain = {token for token, kind in kinds.items() if kind == TokenType.NORMAL}
    order = sorted(plain, key=lambda token: (-scores[vocab[token]], vocab[token]))
    unknown = next((each for each, kind in kinds.items() if kind == TokenType.UNKNOWN), None)
    start = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    back = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*([_PREPEND] * prefix), _REPLACE]},
        "pre_tokenizer": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, *start],
        },
        "model": {
            **PLAIN_BPE,
            "unk_token": unknown,
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": vocab,
            "merges": [list(pair) for token in order for pair in _parts(token, plain)],
        },
    }


def _parts(piece: str, known: Container[str]) -> Iterator[tuple[str, str]]:
    """The ways to part a piece into two that are known."""
    for cut in range(1, len(piece)):
        if piece[:cut] in known and piece[cut:] in known:
            yield piece[:cut], piece[cut:]
