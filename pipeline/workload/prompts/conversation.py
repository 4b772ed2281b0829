"""Conversations as files have them: who said what, in every spelling, and what was asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.errors import UsageError
from pipeline.workload.text_file import shown, whole_text

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"

LISTS = ("messages", "conversations", "conversation")
"""Fields that hold the turns of a conversation."""

_SPEAKER, _WORDS = ("role", "from"), ("content", "value")
_ROLES = {
    **dict.fromkeys(("human", "user", "prompter"), USER),
    **dict.fromkeys(("gpt", "chatgpt", "assistant", "bing", "bard", "model", "bot"), ASSISTANT),
}
"""What a speaker is called in chat templates, by what files call them; others keep their names."""

Turns = Literal["first", "last", "all"]
"""Which questions of a conversation are asked, each with all that was said before it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of a conversation.

    Attributes:
        role: who speaks, by the name that chat templates have.
        content: what is said; empty where the file has null or no words.
    """

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """A turn that a person speaks.

    Attributes:
        before: the turns before it.
        text: its words.
        answer: what was said next, if it was an assistant who did; None if there is nothing.
    """

    before: tuple[Message, ...]
    text: str
    answer: str | None

    @property
    def whole(self) -> bool:
        """Whether it and all before it have words."""
        return bool(self.text) and all(each.content for each in self.before)

    def check(self, where: str) -> None:
        """See that all of it is text.

        Raises:
            UsageError: half a character stands in it.
        """
        for each in (self.text, self.answer or "", *(said.content for said in self.before)):
            whole_text(where, each)


def turns_of(row: Mapping[str, Any], where: str) -> tuple[Message, ...] | None:
    """The conversation in a row of a file; None where it has none.

    Raises:
        UsageError: it has a field for one that holds something else.
    """
    field = next((each for each in LISTS if row.get(each) is not None), None)
    if field is None:
        return None
    turns = row[field]
    if not isinstance(turns, list):
        raise UsageError(f"{where}: `{field}` must be a list of turns")
    return tuple(_message(turn, f"{where}: turn {n} of `{field}`") for n, turn in enumerate(turns))


def questions(messages: Sequence[Message], turns: Turns) -> list[Question]:
    """What a person asks in a conversation: once, or every time."""
    found = list(_questions(messages))
    return {"first": found[:1], "last": found[-1:], "all": found}[turns]


def _questions(messages: Sequence[Message]) -> Iterator[Question]:
    for at, message in enumerate(messages):
        if message.role == USER:
            following = messages[at + 1 : at + 2]
            answers = [each.content for each in following if each.role == ASSISTANT]
            yield Question(tuple(messages[:at]), message.content, answers[0] if answers else None)


def _message(turn: Any, where: str) -> Message:
    fields: Mapping[str, Any] = turn if isinstance(turn, dict) else {}
    speaker = next((fields[each] for each in _SPEAKER if each in fields), None)
    spelling = next((each for each in _WORDS if each in fields), None)
    if not isinstance(speaker, str) or spelling is None:
        raise UsageError(f"{where}: must have `role` and `content`, or `from` and `value`")
    role = _ROLES.get(speaker.lower(), speaker)
    return Message(role, _words(fields[spelling], where))


def _words(content: Any, where: str) -> str:
    """Of a turn: a text, or the parts that some programs cut it into."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(_part(each, where) for each in content)
    if not isinstance(content, str):
        raise UsageError(f"{where}: {shown(str(content))} isn't a text")
    return content


def _part(part: Any, where: str) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, dict) else part
    raise UsageError(f"{where}: holds a part that isn't text ({shown(str(kind))}); take it out")
