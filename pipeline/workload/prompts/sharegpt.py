"""Prompts from conversations in the format of ShareGPT, in any of its spellings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count as count_up
from itertools import cycle
from random import Random
from typing import Any

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.conversation import LISTS, Turns, questions, turns_of
from pipeline.workload.prompts.json_rows import json_rows
from pipeline.workload.prompts.lanes import conversations, in_lanes
from pipeline.workload.prompts.prompt_file import KEY, Parsed, PromptFile
from pipeline.workload.prompts.row import adapter_of
from pipeline.workload.prompts.source import Prompt
from pipeline.workload.randomness import below
from pipeline.workload.ranges import Count
from pipeline.workload.text_file import few, read_text


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ShareGpt(PromptFile):
    """Settings of `workload/prompts=sharegpt`.

    Attributes:
        path: a list of conversations in JSON, or one a line; their turns are `conversations` or
            `messages`, of `from` and `value` or `role` and `content`.
        turns: which questions of a person are asked. The first is asked as it stands; where
            others are, so is each with all that was said before it, by the chat template.
        conversations: where all questions are, how many conversations are played at a time.
    """

    turns: Turns = "first"
    conversations: Count = 4

    @property
    def waits_for_answers(self) -> bool:
        """Where all turns are asked."""
        return self.turns == "all"

    def parse(self) -> Parsed:
        """All that a person asks; what is asked without words is left out and counted."""
        prompts, left_out = list[Prompt](), Counter[str]()
        rows = json_rows(KEY, self.path, read_text(KEY, self.path))
        for number, (line, row) in enumerate(few(self.source, rows)):
            where = f"{KEY}: {self.path}:{line}: conversation {number}"
            prompts += self._asked(row, where, left_out)
        if not prompts:
            raise UsageError(f"{KEY}={self.path}: holds no conversation in which a person speaks")
        return Parsed(prompts, left_out)

    def idle(self) -> Mapping[str, str]:
        """How many conversations are played at a time, where none is played."""
        why = "no conversation is played turn by turn; workload.prompts.turns=all would"
        return {} if self.waits_for_answers else {"conversations": why}

    def pick(self, prompts: Sequence[Prompt], count: int, rng: Random) -> list[Prompt]:
        """Prompts as the order says; where all of a conversation's are asked, whole ones."""
        if not self.waits_for_answers:
            return super().pick(prompts, count, rng)
        whole = conversations(prompts)
        drawn = (whole[below(rng, len(whole))] for _ in count_up())
        played = cycle(whole) if self.order == "file" else drawn
        return in_lanes(played, self.conversations, count)

    def _asked(self, row: Any, where: str, left_out: Counter[str]) -> list[Prompt]:
        fields = row if isinstance(row, dict) else {}
        messages = turns_of(fields, where)
        if messages is None and any(each in fields for each in LISTS):
            left_out["conversations that are null"] += 1
            return []
        if messages is None:
            raise UsageError(
                f"{where}: `conversations` or `messages` must be a list of turns; none is there"
            )
        asked = questions(messages, self.turns)
        left_out["conversations without a person's words"] += not asked
        adapter = adapter_of(fields, where, self.adapters)
        alone = self.turns == "first"
        whole = [each for each in asked if (each.text if alone else each.whole)]
        for each in whole:
            each.check(where)
        left_out["questions with null or nothing in a turn"] += len(asked) - len(whole)
        return [
            Prompt(
                each.text,
                where,
                adapter=adapter,
                before=tuple(said for said in each.before if said.content),
                chat=not alone,
                answer=each.answer,
            )
            for each in whole
        ]
