"""Byte-level BPE in GGUF: GPT-2's algorithm (Radford et al. 2019) and its descendants."""

from typing import Any

from gguf import TokenType

from pipeline.errors import UsageError
from pipeline.gguf.pre_tokenizers import LLAMA3, PRE_TOKENIZERS, QWEN2, WORDS, pre_tokenizer
from pipeline.gguf.vocabulary import (
    PLAIN_BPE,
    Document,
    GgufVocabulary,
    check_plain_bpe,
    list_tokens,
    pairs,
)

_SPLITS = {QWEN2: "qwen2", LLAMA3: "llama-bpe"}
"""llama.cpp's name of a pre-tokenisation, by the regular expression that defines it."""


def byte_level(document: Document, size: int, where: str) -> GgufVocabulary:
    """The vocabulary of a byte-level BPE tokenizer.

    Normalisation to NFC, which Qwen's tokenizer asks for, is unknown to llama.cpp: text that
    isn't NFC already is tokenised there as it is written.

    Args:
        document: the tokenizer.
        size: rows of the model's embedding table.
        where: its path, for errors.

    Raises:
        UsageError: llama.cpp would split some text in another way.
    """
    check_plain_bpe(document, where)
    normalizer = document.get("normalizer")
    if normalizer and normalizer["type"] != "NFC":
        raise UsageError(f"{where}: llama.cpp has no normalizer {normalizer['type']}")
    pre = _pre_tokenisation(document["pre_tokenizer"])
    whole_words = bool(document["model"].get("ignore_merges"))
    if pre is None or PRE_TOKENIZERS[pre].whole_words != whole_words:
        raise UsageError(f"{where}: llama.cpp has no equal of this pre-tokenizer")
    tokens, types = list_tokens(document, size, lambda text: TokenType.NORMAL, where)
    merges = [f"{left} {right}" for left, right in pairs(document)]
    return GgufVocabulary("gpt2", pre, tokens, types, merges=merges)


def _pre_tokenisation(part: dict[str, Any]) -> str | None:
    match part:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return "gpt-2"
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Digits", "individual_digits": True},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            ],
        }:
            return "smollm"
        case {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": regex},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            return _SPLITS.get(regex)
    return None


def byte_level_parts(tokens: list[str], merges: list[str], pre: str, where: str) -> Document:
    """What of a `tokenizer.json` is the algorithm's own.

    Args:
        tokens: by id.
        merges: in their order, their two parts with a space between them.
        pre: llama.cpp's name of the pre-tokenisation.
        where: the file, for errors.

    Raises:
        UsageError: `pre` isn't one of those that are known to split text alike.
    """
    known = pre_tokenizer(pre, where)
    return {
        "normalizer": None,
        "pre_tokenizer": known.document,
        "decoder": WORDS | {"add_prefix_space": True},
        "model": {
            **PLAIN_BPE,
            "ignore_merges": known.whole_words,
            "vocab": {token: id_ for id_, token in enumerate(tokens)},
            "merges": [each.split(" ", 1) for each in merges],
        },
    }
