"""A row of a prompts' file: the words, and what else it says of its request."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.workload.prompts.source import Prompt
from pipeline.workload.ranges import TOKENS
from pipeline.workload.text_file import whole_text

IDS, ADAPTER, MAX_TOKENS = "ids", "adapter", "max_tokens"

_SAMPLING = "sampling is the whole run's (sampling.…), so take the field out"
NOT_SERVED = {
    "messages": "chat templates aren't served yet, so write out the text that the model shall get",
    "prompt_ids": f"call it {IDS}; a trace is replayed by workload=replay",
    "max_new_tokens": f"call it {MAX_TOKENS}; a trace is replayed by workload=replay",
    "max_completion_tokens": f"call it {MAX_TOKENS}",
    **dict.fromkeys(("temperature", "top_p", "top_k", "min_p", "seed", "stop"), _SAMPLING),
    **dict.fromkeys(("repetition_penalty", "presence_penalty", "frequency_penalty"), _SAMPLING),
    **dict.fromkeys(("min_tokens", "stop_token_ids", "logprobs"), _SAMPLING),
}
"""Fields that ask for something which a row can't have; others, such as an id, are the user's."""


def prompt_of(row: Any, field: str, where: str) -> Prompt:
    """The prompt in a row.

    Args:
        row: as JSON has it.
        field: which of its fields holds the words.
        where: where it stands, for messages.

    Raises:
        UsageError: it has no words, or asks for something that can't be had; with the field.
    """
    fields: Mapping[str, Any] = row if isinstance(row, dict) else {}
    for name, remedy in NOT_SERVED.items():
        if name in fields and name != field:
            raise UsageError(f"{where}: has the field {name!r}: {remedy}")
    ids, text = _ids(fields, where), fields.get(field)
    if ids is not None and text is None:
        text = ""
    elif not isinstance(text, str) or not text:
        raise UsageError(
            f"{where}: has no text in the field {field!r}; name it by workload.prompts.field"
        )
    adapter = fields.get(ADAPTER)
    if adapter is not None and not isinstance(adapter, str):
        raise UsageError(f"{where}: {ADAPTER} must be the name of an adapter")
    max_tokens = fields.get(MAX_TOKENS)
    if max_tokens is not None and not _is_whole(max_tokens, 1):
        raise UsageError(f"{where}: {MAX_TOKENS} must be a whole number from 1 to {TOKENS}")
    return Prompt(whole_text(where, text), where, ids, adapter, max_tokens)


def _ids(fields: Mapping[str, Any], where: str) -> tuple[int, ...] | None:
    ids = fields.get(IDS)
    if ids is None:
        return None
    if not isinstance(ids, list) or not ids or not all(_is_whole(each, 0) for each in ids):
        raise UsageError(f"{where}: {IDS} must be a list of token ids, at least one")
    return tuple(ids)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= TOKENS
