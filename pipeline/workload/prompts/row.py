"""A row of a prompts' file: the words, and what else it says of its request."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipeline.errors import UsageError
from pipeline.workload.prompts.conversation import (
    ASSISTANT,
    LISTS,
    USER,
    Message,
    questions,
    turns_of,
)
from pipeline.workload.prompts.explicit import mapped
from pipeline.workload.prompts.source import ADAPTER, MAX_TOKENS, Prompt
from pipeline.workload.ranges import TOKENS
from pipeline.workload.text_file import whole_text

IDS = "ids"
ANSWER = "answer"
"""Of the words: what somebody answered, whose length can be asked for."""
NAMES = (ADAPTER, "model")
"""Fields that name an adapter; OpenAI's format calls it a model."""

_SAMPLING = "sampling is the whole run's (sampling.…), so take the field out"
NOT_SERVED = {
    "prompt_ids": f"call it {IDS}; a trace is replayed by workload=replay",
    "max_new_tokens": f"call it {MAX_TOKENS}; a trace is replayed by workload=replay",
    "max_completion_tokens": f"call it {MAX_TOKENS}",
    **dict.fromkeys(("temperature", "top_p", "top_k", "min_p", "seed", "stop"), _SAMPLING),
    **dict.fromkeys(("repetition_penalty", "presence_penalty", "frequency_penalty"), _SAMPLING),
    **dict.fromkeys(("min_tokens", "stop_token_ids", "logprobs"), _SAMPLING),
}
"""Fields that ask for something which a row can't have; others, such as an id, are the user's."""


def prompt_of(
    row: Any, field: str, where: str, adapters: Mapping[str, str | None] | None = None
) -> Prompt:
    """The prompt in a row: its words, or the last question of its conversation.

    Args:
        row: as JSON has it.
        field: which of its fields holds the words.
        where: where it stands, for messages.
        adapters: as of `adapter_of`.

    Raises:
        UsageError: it has no words, or asks for something that can't be had; with the field.
    """
    fields: Mapping[str, Any] = row if isinstance(row, dict) else {}
    for name, remedy in NOT_SERVED.items():
        if name in fields and name != field:
            raise UsageError(f"{where}: has the field {name!r}: {remedy}")
    max_tokens = fields.get(MAX_TOKENS)
    if max_tokens is not None and not _is_whole(max_tokens, 1):
        raise UsageError(f"{where}: {MAX_TOKENS} must be a whole number from 1 to {TOKENS}")
    said = _words(fields, field, where)
    return replace(said, adapter=adapter_of(fields, where, adapters), max_tokens=max_tokens)


def adapter_of(
    fields: Mapping[str, Any], where: str, adapters: Mapping[str, str | None] | None
) -> str | None:
    """Name of the adapter that a row asks for; None where it says none.

    Args:
        fields: of the row.
        where: where it stands, for messages.
        adapters: as of `mapped`.

    Raises:
        UsageError: it is no name.
    """
    name = next((fields[each] for each in NAMES if fields.get(each) is not None), None)
    if name is not None and not isinstance(name, str):
        raise UsageError(f"{where}: {ADAPTER} must be the name of an adapter")
    return mapped(name, adapters)


def _words(fields: Mapping[str, Any], field: str, where: str) -> Prompt:
    """What a row says, be it text, token ids, or a conversation."""
    ids, text = _ids(fields, where), fields.get(field)
    wanted = ids is None and (text is None or field in LISTS)
    messages = turns_of(fields, where) if wanted else None
    if messages is not None:
        return _question(messages, where)
    if ids is not None and text is None:
        text = ""
    elif not isinstance(text, str) or not text:
        raise UsageError(
            f"{where}: has no text in the field {field!r}; name it by workload.prompts.field"
        )
    answer = fields.get(ANSWER)
    if answer is not None and not isinstance(answer, str):
        raise UsageError(f"{where}: {ANSWER} must be a text")
    whole_text(where, answer or "")
    return Prompt(whole_text(where, text), where, ids, answer=answer)


def _question(messages: Sequence[Message], where: str) -> Prompt:
    """The last question of a conversation; what an assistant answered to it isn't asked."""
    said = messages[:-1] if messages and messages[-1].role == ASSISTANT else messages
    asked = questions(messages, "last")
    if not asked or not said or said[-1].role != USER or not asked[0].whole:
        raise UsageError(
            f"{where}: a conversation must end with a user's words, or with the answer to them, "
            "and no turn may be empty"
        )
    (last,) = asked
    last.check(where)
    return Prompt(last.text, where, before=last.before, chat=True, answer=last.answer)


def _ids(fields: Mapping[str, Any], where: str) -> tuple[int, ...] | None:
    ids = fields.get(IDS)
    if ids is None:
        return None
    if not isinstance(ids, list) or not ids or not all(_is_whole(each, 0) for each in ids):
        raise UsageError(f"{where}: {IDS} must be a list of token ids, at least one")
    return tuple(ids)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= TOKENS
