"""The tokenizer in a GGUF file, as `tokenizer.json` and `tokenizer_config.json` have it."""

from typing import Any

from gguf import TokenType

from pipeline.errors import UsageError
from pipeline.gguf.byte_level import BEGINNING, pre_tokenizer
from pipeline.gguf.file import GgufFile
from pipeline.gguf.vocabulary import Document

_PREFIX = "tokenizer.ggml."
ARRAYS = tuple(f"{_PREFIX}{each}" for each in ("tokens", "token_type", "scores", "merges"))
"""Keys of the arrays that make the vocabulary."""
_ADDED = (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)
_NAMED = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}
_UNLIMITED = 10**30


def tokenizer_in(file: GgufFile) -> Document:
    """A `tokenizer.json` that splits text and puts it together as llama.cpp does with the file.

    Args:
        file: read with `ARRAYS`.

    Raises:
        UsageError: it holds none, or one that can't be told in a `tokenizer.json`.
    """
    kind, pre = (file.metadata.get(f"{_PREFIX}{each}") for each in ("model", "pre"))
    if kind != "gpt2":
        raise UsageError(f"{file.path}: tokenizer.ggml.model is {kind!r:.80}; use one of gpt2")
    tokens, types = _vocabulary(file)
    merges = _array(file, "merges")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(id_, tokens[id_], kind) for id_, kind in enumerate(types) if kind in _ADDED
        ],
        "normalizer": None,
        "pre_tokenizer": pre_tokenizer(str(pre), str(file.path)),
        "post_processor": _template(file, tokens, pre in BEGINNING),
        "decoder": _BYTES,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre in BEGINNING,
            "vocab": {token: id_ for id_, token in enumerate(tokens)},
            "merges": [each.split(" ", 1) for each in merges],
        },
    }


_BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}


def tokenizer_config_in(file: GgufFile) -> dict[str, Any]:
    """What stands beside it: the special tokens by their names, and the chat template."""
    tokens, _ = _vocabulary(file)
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": _UNLIMITED,
    }
    for name in _NAMED:
        if (id_ := _id(file, name, len(tokens))) is not None:
            config[f"{name}_token"] = tokens[id_]
    template = file.metadata.get("tokenizer.chat_template")
    return config | ({"chat_template": template} if isinstance(template, str) else {})


def _vocabulary(file: GgufFile) -> tuple[list[str], list[int]]:
    tokens = _array(file, "tokens")
    types = [int(each) for each in _array(file, "token_type")]
    if len(types) != len(tokens):
        raise UsageError(f"{file.path}: {len(tokens)} tokens and {len(types)} types of them")
    if len({*tokens}) < len(tokens):
        twice = next(each for each in tokens if tokens.count(each) > 1)
        raise UsageError(f"{file.path}: the token {twice!r:.80} has two ids")
    return tokens, types


def _array(file: GgufFile, key: str) -> Any:
    found = file.metadata.get(f"{_PREFIX}{key}")
    if not hasattr(found, "__len__") or isinstance(found, str):
        raise UsageError(f"{file.path}: no {_PREFIX}{key}; convert or fetch the model again")
    if key in ("tokens", "merges") and not isinstance(found, list):
        raise UsageError(f"{file.path}: {_PREFIX}{key} aren't texts")
    return found


def _id(file: GgufFile, name: str, size: int) -> int | None:
    found = file.metadata.get(f"{_PREFIX}{_NAMED[name]}_token_id")
    if found is not None and not (type(found) is int and found < size):
        raise UsageError(
            f"{file.path}: {_PREFIX}{_NAMED[name]}_token_id is {found!r:.80}, and there are "
            f"{size} tokens"
        )
    return found


def _added(id_: int, token: str, kind: int) -> dict[str, Any]:
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id_, "content": token, **plain, "special": kind != TokenType.USER_DEFINED}


def _template(file: GgufFile, tokens: list[str], begins: bool) -> dict[str, Any] | None:
    """What is put before and after a text.

    Args:
        file: says so, or leaves it open.
        tokens: by id.
        begins: whether a text has a beginning where the file leaves it open.
    """
    sequence = [{"Sequence": {"id": "A", "type_id": 0}}]
    special = {}
    for name, default in (("bos", begins), ("eos", False)):
        id_ = _id(file, name, len(tokens))
        if file.metadata.get(f"{_PREFIX}add_{name}_token", default) and id_ is not None:
            token = tokens[id_]
            special[token] = {"id": token, "ids": [id_], "tokens": [token]}
            one = [{"SpecialToken": {"id": token, "type_id": 0}}]
            sequence = one + sequence if name == "bos" else sequence + one
    if not special:
        return None
    return {
        "type": "TemplateProcessing",
        "single": sequence,
        "pair": [*sequence, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": special,
    }
