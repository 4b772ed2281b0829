"""A tokenizer as its file has it, but for what the file has by accident."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.files.regular import MEBIBYTE, read_regular
from pipeline.models.files import AGAIN, is_there, read_object

TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
MAX_TOKENIZER_BYTES = 64 * MEBIBYTE
"""Bytes of a `tokenizer.json`: those of a quarter of a million tokens have half as many."""
SPECIAL_TOKENS = "special_tokens_map.json"
_LISTS = ("additional_special_tokens", "extra_special_tokens")
_ONES = ("bos_token", "eos_token", "unk_token", "pad_token")


def read_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in a `tokenizer.json`, which needs no torch; it neither cuts nor fills.

    A file may hold the truncation and the padding of the last call before it was saved;
    transformers' tokenizers do neither unless a call asks for it.

    Raises:
        UsageError: the file isn't a tokenizer's.
    """
    try:
        tokenizer = Tokenizer.from_buffer(read_regular(path, MAX_TOKENIZER_BYTES))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {AGAIN}") from error
    except BaseException as error:  # The library panics at files that it doesn't expect.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise UsageError(
            f"{path}: tokenizers can't read it ({error}); save it with the version installed here"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def check_tokenizer(folder: Path) -> None:
    """See that `tokenizer.json` is there and whole, and that nothing is to be added to it.

    Raises:
        UsageError: it isn't there, or isn't one, or lacks a token.
    """
    path, config = folder / TOKENIZER, folder / TOKENIZER_CONFIG
    if not is_there(path):
        raise UsageError(f"{folder}: no {TOKENIZER}; save the fast tokenizer beside it")
    document = read_object(path, max_bytes=MAX_TOKENIZER_BYTES)
    try:
        vocabulary = document["model"]["vocab"]  # Unigram's is a list of pairs
        known = {each if isinstance(each, str) else each[0] for each in vocabulary}
        known |= {token["content"] for token in document["added_tokens"]}
    except (KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a fast tokenizer's file; save the tokenizer anew") from error
    _check_merges(document["model"], known, path)
    if is_there(config):
        _check_beside(config, known)


def special_tokens(folder: Path) -> dict[str, str]:
    """The tokens that have a name there, such as `bos_token`, by their names.

    Raises:
        UsageError: a file that says so can't be read.
    """
    found: dict[str, str] = {}
    for path in (folder / SPECIAL_TOKENS, folder / TOKENIZER_CONFIG):
        said = read_object(path) if is_there(path) else {}
        for name in (*_ONES, "sep_token", "cls_token", "mask_token"):
            token = said.get(name)
            content = token.get("content") if isinstance(token, dict) else token
            if isinstance(content, str):
                found[name] = content
    return found


def _check_beside(config: Path, known: Collection[str]) -> None:
    """See that `tokenizer_config.json` names no token that `tokenizer.json` lacks.

    transformers gives it a new id, which a reader of `tokenizer.json` doesn't know.
    """
    said = read_object(config)
    if said.get("split_special_tokens"):
        raise UsageError(
            f"{config}: split_special_tokens: transformers then reads special tokens as plain "
            "text, which no engine here does; take it out"
        )
    try:
        named = [*_named(said)]
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{config}: its tokens aren't tokens; save the tokenizer anew") from error
    for token in named:
        if token not in known:
            raise UsageError(
                f"{config}: names the token {token!r:.80}, which {TOKENIZER} lacks, so that its id "
                "isn't known; save both anew with save_pretrained"
            )


def _check_merges(model: Mapping[str, Any], known: Collection[str], path: Path) -> None:
    """The library takes for granted that a merge makes a token, and cuts the prefix off unseen."""
    prefix = str(model.get("continuing_subword_prefix") or "")
    for merge in model.get("merges") or ():
        try:
            first, second = merge.split(" ") if isinstance(merge, str) else merge
            sound = second.startswith(prefix) and first + second.removeprefix(prefix) in known
        except (TypeError, ValueError, AttributeError):
            sound = False
        if not sound:
            behind = f" behind continuing_subword_prefix {prefix!r:.40}" if prefix else ""
            raise UsageError(
                f"{path}: the merge {merge!r:.80} makes no token of its vocabulary{behind}; save "
                "the tokenizer anew"
            )


def _named(config: dict[str, Any]) -> Iterator[str]:
    """The tokens that a `tokenizer_config.json` names."""
    for key in _LISTS:
        given = config.get(key) or []
        yield from map(_text, given.values() if isinstance(given, dict) else given)
    yield from map(_text, (config.get("added_tokens_decoder") or {}).values())
    yield from (_text(config[key]) for key in _ONES if config.get(key))


def _text(token: Any) -> str:
    return str(token["content"] if isinstance(token, dict) else token)
