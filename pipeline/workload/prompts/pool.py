"""Prompts that are there, to be drawn from: those of a file, and those that come with it."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Literal

from pipeline.errors import UsageError
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.prompts.conversation import USER
from pipeline.workload.prompts.source import (
    ADAPTER,
    MAX_TOKENS,
    Dealt,
    Encode,
    Prompt,
    Prompts,
)
from pipeline.workload.randomness import below

KEY = "workload.prompts.path"
"""The setting, for messages."""


class Pool(Prompts):
    """Draws from all of its prompts; every one of them is judged, drawn or not."""

    @abstractmethod
    def read(self) -> list[Prompt]:
        """All of them, at least one.

        Raises:
            UsageError: they can't be had.
        """

    @property
    @abstractmethod
    def source(self) -> str:
        """Where they come from, for messages."""

    def check(self) -> None:
        """They must be there, and be text."""
        self.read()

    def explicit(self) -> Sequence[Prompt]:
        """Those with an adapter, token ids or a number of tokens of their own."""
        return [
            prompt
            for prompt in self.read()
            if prompt.ids or prompt.adapter is not None or prompt.max_tokens
        ]

    def deal(
        self, adapters: Sequence[int], rng: Random, encode: Encode, bounds: Bounds = ANY
    ) -> Dealt:
        """Independent draws from those within the bounds."""
        prompts, notes = self.offer(encode)
        if bounds != ANY:
            prompts, out = bounds.sieve(self.source, _measured(prompts, encode, bounds))
            notes = (*notes, *out)
        return Dealt(self.pick(prompts, len(adapters), rng), notes)

    def offer(self, encode: Encode) -> tuple[list[Prompt], tuple[str, ...]]:
        """Those that there are to draw from, and what a reader should know of the others."""
        return self.read(), ()

    def pick(self, prompts: Sequence[Prompt], count: int, rng: Random) -> list[Prompt]:
        """So many of them, each as likely as any other."""
        return [prompts[below(rng, len(prompts))] for _ in range(count)]


@dataclass(frozen=True)
class Parsed:
    """What stands in a file of prompts.

    Attributes:
        prompts: those that can be asked.
        left_out: how many rows can't, by why.
    """

    prompts: list[Prompt]
    left_out: Counter[str] = field(default_factory=Counter)


class PromptFile(Pool):
    """Draws from all prompts of a file, or takes them in its order.

    Attributes:
        path: the file.
        order: `drawn`, each as likely as any other, or `file`: one after another, over and over.
        answers: ask for as many tokens as the answer has that the file gives; a prompt without one
            is left out and counted.
        adapters: the adapters that names in the file stand for; null leaves it to the law.
    """

    path: Path
    order: Literal["drawn", "file"] = "drawn"
    answers: bool = False
    adapters: Mapping[str, str | None] | None = None

    @property
    def source(self) -> str:
        """The file."""
        return f"{KEY}={self.path}"

    @property
    def random(self) -> bool:
        """Not in the file's order."""
        return self.order == "drawn"

    def read(self) -> list[Prompt]:
        """Its prompts; as long as it doesn't change, the file is read once."""
        return self._parsed().prompts

    def chats(self) -> bool:
        """Whether a row is a conversation; not where the file can't be read: `check` refuses it."""
        try:
            return any(each.chat for each in self.read())
        except UsageError:
            return False

    def decided(self) -> frozenset[str]:
        """What every row says; nothing where the file can't be read, which `check` refuses."""
        try:
            rows = self.read()
        except UsageError:
            return frozenset()
        said = {
            ADAPTER: all(row.adapter is not None for row in rows),
            MAX_TOKENS: self.answers or all(row.max_tokens is not None for row in rows),
        }
        return frozenset(field for field, by_all in said.items() if by_all)

    def continues(self) -> bool:
        """Whether a row is a conversation in which a user speaks more than once."""
        return self.chats() and any(
            said.role == USER for each in self.read() if each.chat for said in each.before
        )

    def offer(self, encode: Encode) -> tuple[list[Prompt], tuple[str, ...]]:
        """All, or those with an answer, which then says how many tokens are asked for."""
        parsed = self._parsed()
        prompts, left_out = parsed.prompts, Counter(parsed.left_out)
        if self.answers:
            prompts = [
                replace(each, max_tokens=each.max_tokens or _tokens(each.answer, encode))
                for each in prompts
                if each.max_tokens or each.answer
            ]
            left_out["without an answer"] += len(parsed.prompts) - len(prompts)
        if not prompts:
            raise UsageError(f"{self.source}: no prompt has an answer; leave answers off")
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        return prompts, (f"of {self.source} were left out: {why}",) * bool(why)

    def pick(self, prompts: Sequence[Prompt], count: int, rng: Random) -> list[Prompt]:
        """As the order says."""
        if self.order == "file":
            return list(islice(cycle(prompts), count))
        return super().pick(prompts, count, rng)

    def _parsed(self) -> Parsed:
        known = None
        with suppress(OSError, ValueError):  # Parsing says what is wrong with it.
            known = self.path.stat()
        return _parsed(self, known and (known.st_mtime_ns, known.st_size))

    @abstractmethod
    def parse(self) -> Parsed:
        """Those of the file as it is now, at least one.

        Raises:
            UsageError: it can't be read, or isn't of the format.
        """


@lru_cache(maxsize=1)
def _parsed(source: PromptFile, version: tuple[int, int] | None) -> Parsed:
    return source.parse()


def _tokens(answer: str | None, encode: Encode) -> int:
    """Of an answer, but for those that the tokenizer adds to every text."""
    return max(1, len(encode(answer or "")) - len(encode("")))


def _measured(
    prompts: Sequence[Prompt], encode: Encode, bounds: Bounds
) -> Iterator[tuple[Prompt, str, int, int | None]]:
    whole = prompts if bounds.as_asked is None else bounds.as_asked(prompts)
    for kept, each in zip(prompts, whole, strict=True):
        ids = tuple(encode(each.text)) if each.ids is None or bounds.text else each.ids
        if each.ids not in (None, ids):
            raise UsageError(
                f"{each.where}: its ids aren't what this model's tokenizer makes of its text; "
                "workload.text=false replays the ids alone"
            )
        if max(ids, default=0) >= bounds.room.vocabulary:
            raise UsageError(
                f"{each.where}: has the token id {max(ids)}, and the model's vocabulary has "
                f"{bounds.room.vocabulary}; the ids are another model's"
            )
        yield kept, each.where, len(ids), each.max_tokens
