"""Byte-level BPE in GGUF: GPT-2's algorithm (Radford et al. 2019) and its descendants."""

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

_QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS = {_QWEN2: "qwen2", _QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|"): "llama-bpe"}
"""llama.cpp's name of a pre-tokenisation, by the regular expression that defines it."""
_WORDS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_LLAMA3 = ("llama3", "llama-v3", "falcon3")
_ALIASES = {**dict.fromkeys(_LLAMA3, "llama-bpe"), "deepseek-r1-qwen": "qwen2"}
BEGINNING = ("llama-bpe", *_LLAMA3)
"""Those with which a text has a beginning unless the file says otherwise, and with which a whole
word that is a token is taken as it is."""


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
    if pre is None or (pre == "llama-bpe") != bool(document["model"].get("ignore_merges")):
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
    return {
        "normalizer": None,
        "pre_tokenizer": _pre_tokenizer(pre, where),
        "decoder": _WORDS | {"add_prefix_space": True},
        "model": {
            **PLAIN_BPE,
            "ignore_merges": pre in BEGINNING,
            "vocab": {token: id_ for id_, token in enumerate(tokens)},
            "merges": [each.split(" ", 1) for each in merges],
        },
    }


def _pre_tokenizer(name: str, where: str) -> dict[str, Any]:
    known = {regex_name: regex for regex, regex_name in _SPLITS.items()}
    name = _ALIASES.get(name, name)
    if name == "gpt-2":
        return _WORDS
    if name == "smollm":
        digits = {"type": "Digits", "individual_digits": True}
        return {"type": "Sequence", "pretokenizers": [digits, _WORDS]}
    if name not in known:
        raise UsageError(
            f"{where}: tokenizer.ggml.pre is {name!r:.80}, and only gpt-2, smollm, "
            f"{', '.join(known)} are known here; name the original checkpoint"
        )
    split = {
        "type": "Split",
        "pattern": {"Regex": known[name]},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, _WORDS | {"use_regex": False}]}
