"""Prompts that are there, to be drawn from: those of a file, and those that come with it."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from random import Random

from pipeline.errors import UsageError
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.prompts.source import Dealt, Encode, Prompt, Prompts
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
        prompts, notes = self.read(), tuple[str, ...]()
        if bounds != ANY:
            prompts, notes = bounds.sieve(self.source, _measured(prompts, encode, bounds))
        return Dealt(self.pick(prompts, len(adapters), rng), notes)

    def pick(self, prompts: Sequence[Prompt], count: int, rng: Random) -> list[Prompt]:
        """So many of them, each as likely as any other."""
        return [prompts[below(rng, len(prompts))] for _ in range(count)]


class PromptFile(Pool):
    """Draws from all prompts of a file.

    Attributes:
        path: the file.
    """

    path: Path

    @property
    def source(self) -> str:
        """The file."""
        return f"{KEY}={self.path}"

    def read(self) -> list[Prompt]:
        """Its prompts; as long as it doesn't change, the file is read once."""
        known = None
        with suppress(OSError, ValueError):  # Parsing says what is wrong with it.
            known = self.path.stat()
        return _parsed(self, known and (known.st_mtime_ns, known.st_size))

    @abstractmethod
    def parse(self) -> list[Prompt]:
        """Those of the file as it is now, at least one.

        Raises:
            UsageError: it can't be read, or isn't of the format.
        """


@lru_cache(maxsize=1)
def _parsed(source: PromptFile, version: tuple[int, int] | None) -> list[Prompt]:
    return source.parse()


def _measured(
    prompts: Sequence[Prompt], encode: Encode, bounds: Bounds
) -> Iterator[tuple[Prompt, str, int, int | None]]:
    for each in prompts:
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
        yield each, each.where, len(ids), each.max_tokens
