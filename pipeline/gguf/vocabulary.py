"""The token list of a GGUF file, whichever algorithm it belongs to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gguf import TokenType

from pipeline.errors import UsageError

Document = dict[str, Any]
"""A parsed `tokenizer.json`."""
PLAIN_BPE: Document = {
    "type": "BPE",
    **dict.fromkeys(
        ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"), None
    ),
    **dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), False),
}
"""The `model` of one without its vocabulary, and without what llama.cpp has no equal of."""


@dataclass(frozen=True)
class GgufVocabulary:
    """What llama.cpp needs to tokenise.

    Attributes:
        model: its algorithm: `gpt2` is byte-level BPE, `llama` is SentencePiece's BPE.
        pre: its name for the pre-tokenisation.
        tokens: text of every id.
        types: `gguf.TokenType` of every id.
        merges: pairs in their order, for `gpt2`.
        scores: of every id, for `llama`: what is merged first has the highest.
        space_prefix: a space is put before the text.
    """

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str] | None = None
    scores: list[float] | None = None
    space_prefix: bool = False


def list_tokens(
    document: Document, size: int, kind: Callable[[str], TokenType], where: str
) -> tuple[list[str], list[int]]:
    """Text and type of every id below `size`.

    Ids that the tokenizer doesn't have, where the model's table is longer, get a name of their
    own and are marked unused. Added tokens are control tokens if special, user-defined if not.

    Args:
        document: the tokenizer.
        size: rows of the model's embedding table.
        kind: type of a token of the algorithm itself.
        where: its path, for errors.

    Raises:
        UsageError: the tokenizer has more ids than the model, two ids with the same text, or
            added tokens with matching rules that llama.cpp doesn't know.
    """
    own = {id_: (text, kind(text)) for text, id_ in document["model"]["vocab"].items()}
    added = {token["id"]: _added(token, kind, where) for token in document["added_tokens"]}
    known = own | added
    if max(known) >= size:
        raise UsageError(f"{where}: id {max(known)} is beyond the model's {size} ids")
    rows = [known.get(id_, (f"[PAD{id_}]", TokenType.UNUSED)) for id_ in range(size)]
    tokens = [text for text, _ in rows]
    if len({*tokens}) < size:
        twice = next(text for text in tokens if tokens.count(text) > 1)
        raise UsageError(f"{where}: {twice!r} has two ids, which GGUF can't hold")
    return tokens, [int(type_) for _, type_ in rows]


def check_plain_bpe(document: Document, where: str) -> None:
    """Refuse what only some BPE tokenizers have, and llama.cpp doesn't.

    Raises:
        UsageError: it isn't BPE, or has one of those.
    """
    model = document["model"]
    if model.get("type") != "BPE":
        raise UsageError(f"{where}: only BPE tokenizers become GGUF, this is {model.get('type')}")
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(option):
            raise UsageError(f"{where}: llama.cpp has no {option}; this tokenizer sets it")


def pairs(document: Document) -> list[tuple[str, str]]:
    """The merges in their order, in either way that files write them."""
    merges = document["model"]["merges"]
    parted = (each.split(" ", 1) if isinstance(each, str) else each for each in merges)
    return [(left, right) for left, right in parted]


def _added(
    token: dict[str, Any], kind: Callable[[str], TokenType], where: str
) -> tuple[str, TokenType]:
    text = token["content"]
    for rule in ("single_word", "lstrip", "rstrip"):
        if token.get(rule):
            raise UsageError(f"{where}: llama.cpp can't match {text!r} with {rule}")
    if not token["special"]:
        return text, TokenType.USER_DEFINED
    unknown = kind(text) == TokenType.UNKNOWN
    return text, TokenType.UNKNOWN if unknown else TokenType.CONTROL
