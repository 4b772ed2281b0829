"""Prompts that are there, to be drawn from."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from random import Random

from pipeline.errors import UsageError
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.prompts.source import Dealt, Encode, Prompt, Prompts
from pipeline.workload.randomness import below


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


def _measured(
    prompts: Sequence[Prompt], encode: Encode, bounds: Bounds
) -> Iterator[tuple[Prompt, str, int, int | None]]:
    whole = prompts if bounds.as_asked is None else bounds.as_asked(prompts)
    for kept, each in zip(prompts, whole, strict=True):
        if kept.ids is not None and bounds.text and tuple(encode(kept.text)) != kept.ids:
            raise UsageError(
                f"{each.where}: its ids aren't what this model's tokenizer makes of its text; "
                "workload.text=false replays the ids alone"
            )
        ids = tuple(encode(each.text)) if each.ids is None else each.ids
        if max(ids, default=0) >= bounds.room.vocabulary:
            raise UsageError(
                f"{each.where}: has the token id {max(ids)}, and the model's vocabulary has "
                f"{bounds.room.vocabulary}; the ids are another model's"
            )
        yield kept, each.where, len(ids), each.max_tokens
