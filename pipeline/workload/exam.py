"""Questions whose answers are known: by them quality is judged, whatever the trace asks."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.workload.prompts.chat import Chat
from pipeline.workload.prompts.explicit import check_adapter
from pipeline.workload.prompts.json_rows import json_lines
from pipeline.workload.prompts.row import prompt_of
from pipeline.workload.prompts.source import Encode, Prompt
from pipeline.workload.prompts.speech import Speech
from pipeline.workload.prompts.text_reader import Template, TextReader, TextReaders
from pipeline.workload.room import ModelLimits
from pipeline.workload.text_file import read_text

KEY = "quality.path"
FIELD = "prompt"
ROOM_TO_END = 8
"""Tokens that an engine may write beyond an answer's own before it is taken for another answer."""


@dataclass(frozen=True)
class ExamQuestion:
    """One of them; the engine is asked by its text.

    Attributes:
        adapter: who is asked; None for the base model.
        prompt: the words, or the conversation as the chat template makes it.
        prompt_ids: what the tokenizer makes of that.
        answer: the right one.
        answer_ids: the same as token ids.
        end: how the token is written that ends an answer; empty where there is none.
    """

    adapter: str | None
    prompt: str
    prompt_ids: tuple[int, ...]
    answer: str
    answer_ids: tuple[int, ...]
    end: str = ""

    def is_right(self, written: str) -> bool:
        """Whether that is the answer, but for its end and the spaces around it."""
        return written.strip().removesuffix(self.end).strip() == self.answer.strip()

    @property
    def tokens(self) -> int:
        """Positions that it may need."""
        return len(self.prompt_ids) + len(self.answer_ids) + ROOM_TO_END


def read_questions(
    path: Path,
    adapters: Sequence[str | None],
    encode: Encode,
    room: ModelLimits,
    template: Template,
    own: TextReaders,
    end: str = "",
) -> tuple[ExamQuestion, ...]:
    """The rows of a file such as `workload/prompts=jsonl` reads, each with its answer.

    Args:
        path: the file.
        adapters: those that there are.
        encode: the model's tokenizer.
        room: what the model has room for.
        template: its chat template, for rows that are conversations.
        own: who reads for adapters that have tokens of their own.
        end: how the token is written that ends an answer.

    Raises:
        UsageError: a row has no answer, names an adapter that isn't there, or doesn't fit the
            model; with its line.
    """
    rows = json_lines(KEY, path, read_text(KEY, path))
    prompts = [prompt_of(row, FIELD, f"{KEY}: {path}:{number}") for number, row in rows]
    if not prompts:
        raise UsageError(f"{KEY}={path}: holds no questions")
    for each in prompts:
        _check(each, adapters)
    speech = Speech(Chat(), template, encode, {}, text=True, own=own)
    asked = speech.asked(prompts, [each.adapter for each in prompts])
    reader = TextReader(encode, template)
    return tuple(_question(each, own.get(each.adapter, reader), room, end) for each in asked)


def hash_of_questions(questions: Sequence[ExamQuestion]) -> str:
    """SHA-256 of all that is asked and of what is right."""
    said = [(each.adapter, each.prompt_ids, each.answer) for each in questions]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _check(prompt: Prompt, adapters: Sequence[str | None]) -> None:
    if not prompt.answer:
        raise UsageError(
            f"{prompt.where}: has no answer to judge by; give it the field 'answer', or end its "
            "messages with an assistant's"
        )
    if prompt.ids:
        raise UsageError(f"{prompt.where}: is asked by its text; give it the field {FIELD!r}")
    if prompt.adapter is not None:
        check_adapter(prompt.where, prompt.adapter, adapters)


def _question(prompt: Prompt, reader: TextReader, room: ModelLimits, end: str) -> ExamQuestion:
    assert prompt.answer is not None
    ids = prompt.ids or tuple(reader.encode(prompt.text))
    answer_ids = tuple(reader.template.encode(prompt.answer))
    question = ExamQuestion(prompt.adapter, prompt.text, ids, prompt.answer, answer_ids, end)
    if question.tokens > room.positions:
        raise UsageError(
            f"{prompt.where}: question and answer need {question.tokens} positions, and the model "
            f"has {room.positions}; shorten them"
        )
    if not ids or not question.answer_ids:
        raise UsageError(f"{prompt.where}: question and answer must have a token at least")
    if max(*ids, *question.answer_ids) >= room.vocabulary:
        raise UsageError(f"{prompt.where}: has a token id beyond the model's vocabulary")
    return question
