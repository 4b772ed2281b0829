"""The tokenizer in a GGUF file, as `tokenizer.json` and `tokenizer_config.json` have it."""

from math import isfinite
from typing import Any

from gguf import TokenType

from pipeline.errors import UsageError
from pipeline.gguf.byte_level import byte_level_parts
from pipeline.gguf.file import GgufFile
from pipeline.gguf.pre_tokenizers import pre_tokenizer
from pipeline.gguf.sentencepiece import sentencepiece_parts
from pipeline.gguf.vocabulary import Document

_PREFIX = "tokenizer.ggml."
TOKENS, TYPES = f"{_PREFIX}tokens", f"{_PREFIX}token_type"
ARRAYS = (TOKENS, TYPES, f"{_PREFIX}scores", f"{_PREFIX}merges")
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
    kind, where = file.metadata.get(f"{_PREFIX}model"), str(file.path)
    tokens, types = _vocabulary(file)
    pre = str(file.metadata.get(f"{_PREFIX}pre"))
    if kind == "gpt2":
        algorithm = byte_level_parts(tokens, _array(file, "merges"), pre, where)
        begins = pre_tokenizer(pre, where).begins
    elif kind == "llama":
        prefix = bool(file.metadata.get(f"{_PREFIX}add_space_prefix", True))
        algorithm = sentencepiece_parts(tokens, types, _scores(file, tokens), prefix)
        begins = True
    else:
        raise UsageError(f"{where}: tokenizer.ggml.model is {kind!r:.80}; use one of gpt2, llama")
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            _added(id_, tokens[id_], each) for id_, each in enumerate(types) if each in _ADDED
        ],
        "post_processor": _template(file, tokens, begins),
        **algorithm,
    }


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
    types = _array(file, "token_type").tolist()
    if not all(type(each) is int for each in types):
        raise UsageError(f"{file.path}: {TYPES} are of another type than they must be")
    if len(types) != len(tokens):
        raise UsageError(f"{file.path}: {len(tokens)} tokens and {len(types)} types of them")
    if len({*tokens}) < len(tokens):
        twice = next(each for each in tokens if tokens.count(each) > 1)
        raise UsageError(f"{file.path}: the token {twice!r:.80} has two ids")
    return tokens, types


def _scores(file: GgufFile, tokens: list[str]) -> list[float]:
    scores = [float(each) for each in _array(file, "scores")]
    if len(scores) != len(tokens) or not all(map(isfinite, scores)):
        raise UsageError(f"{file.path}: {_PREFIX}scores aren't a number for each token")
    return scores


def _array(file: GgufFile, key: str) -> Any:
    found = file.metadata.get(f"{_PREFIX}{key}")
    if not hasattr(found, "__len__") or isinstance(found, str):
        raise UsageError(f"{file.path}: no {_PREFIX}{key}; convert or fetch the model again")
    if isinstance(found, list) != (key in ("tokens", "merges")):
        raise UsageError(f"{file.path}: {_PREFIX}{key} are of another type than they must be")
    return found


def _id(file: GgufFile, name: str, size: int) -> int | None:
    found = file.metadata.get(f"{_PREFIX}{_NAMED[name]}_token_id")
    if found is not None and not (type(found) is int and 0 <= found < size):
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
