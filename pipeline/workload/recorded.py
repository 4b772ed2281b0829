"""Workloads from production traces: times and lengths are the file's, words are drawn.

Which adapter is asked is drawn, too, where the file doesn't say.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path

from pydantic import NonNegativeFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT, offered
from pipeline.workload.arrivals.process import Slot
from pipeline.workload.bounds import Bounds
from pipeline.workload.call import Call
from pipeline.workload.lengths.scaled import scaled
from pipeline.workload.popularity.law import Popularity, rounded
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.explicit import check_explicit, counted
from pipeline.workload.prompts.source import Encode, Prompt
from pipeline.workload.prompts.text_reader import NO_OWN, Template, TextReaders
from pipeline.workload.randomness import stream
from pipeline.workload.ranges import Count, Factor, Repetitions, Tokens
from pipeline.workload.room import BOUNDLESS, ModelLimits
from pipeline.workload.run_in import RunIn
from pipeline.workload.seeds import Seeds, without_chance
from pipeline.workload.trace import Trace, assemble
from pipeline.workload.workload import Workload

KEY = "workload.path"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Recorded(Workload):
    """Settings of workloads that are made from a production trace.

    Attributes:
        name: what the user typed.
        path: the file.
        popularity: which adapter a call names, where the file doesn't say; any law.
        alpha: skew, for the laws that have one.
        requests: the first so many calls; None for all.
        speed: so many times as fast as it was: stamps are divided by it.
        prompt_factor: prompts are so many times as long as they were.
        output_factor: answers are so many times as long as they were.
        min_prompt_tokens: calls with shorter prompts, once scaled, are left out and counted.
        max_prompt_tokens: those with longer ones likewise; what the model has no room for is
            refused where it isn't left out.
        max_answer_tokens: those with longer answers likewise.
        seeds: of words and adapters; nothing is drawn for the arrivals.
    """

    name: str
    path: Path
    popularity: Popularity
    alpha: NonNegativeFloat | None = offered()
    requests: Count | None
    speed: Factor
    prompt_factor: Factor
    output_factor: Factor
    min_prompt_tokens: Tokens | None = None
    max_prompt_tokens: Tokens | None = None
    max_answer_tokens: Tokens | None = None
    seeds: Seeds
    warmup_iterations: Repetitions
    warmup_tokens: PositiveInt | None = None
    run_in: RunIn = field(default_factory=RunIn)
    text: bool

    @abstractmethod
    def read(self) -> list[Call]:
        """The calls of the file, in its order.

        Raises:
            UsageError: it can't be read, or isn't of the format; with its line.
        """

    def words(self, calls: Sequence[Call], encode: Encode) -> tuple[list[str], tuple[str, ...]]:
        """A prompt of each call's length, and what a reader should know of them."""
        exact, rng = ExactLength(encode), stream(self.seeds.prompts, "prompts")
        return [exact.prompt(call.prompt_tokens, rng) for call in calls], ()

    def idle(self) -> Mapping[str, str]:
        """Seeds of what leaves nothing to chance, too: the times are the file's."""
        drawn = {"prompts": True, "adapters": self.popularity.random, "arrivals": False}
        return {**super().idle(), **without_chance(drawn)}

    def check(self, adapters: Sequence[str | None]) -> None:
        """The file must be whole, and the law must be able to deal those adapters."""
        calls, _ = self._kept(adapters, BOUNDLESS)
        self.run_in.check(self._slots(calls), None)

    def trace(
        self,
        adapters: Sequence[str | None],
        encode: Encode,
        room: ModelLimits = BOUNDLESS,
        template: Template | None = None,
        own: TextReaders = NO_OWN,
    ) -> Trace:
        """The file's calls, in its order."""
        calls, notes = self._kept(adapters, room)
        texts, more = self.words(calls, encode)
        prompts = [
            Prompt(text, call.where, adapter=call.adapter)
            for text, call in zip(texts, calls, strict=True)
        ]
        requests = assemble(
            slots=self._slots(calls),
            choices=self.popularity.deal(
                [len(calls)], len(adapters), stream(self.seeds.adapters, "adapters")
            ),
            prompts=prompts,
            lengths=[call.output_tokens for call in calls],
            adapters=adapters,
            encode=encode,
            own=own,
        )
        room.hold(f"{KEY}={self.path}", requests)
        return Trace(requests, None, self._laws(adapters) | counted(prompts), (*notes, *more))

    def _kept(
        self, adapters: Sequence[str | None], room: ModelLimits
    ) -> tuple[list[Call], tuple[str, ...]]:
        """The calls that aren't left out, scaled, and a note if some are."""
        calls = [self._scaled(each) for each in self.read()]
        bounds = Bounds(
            shortest=self.min_prompt_tokens,
            longest=self.max_prompt_tokens,
            longest_answer=self.max_answer_tokens,
            explicit_answer_key="workload.output_factor",
            room=room,
        )
        measured = ((each, each.where, each.prompt_tokens, each.output_tokens) for each in calls)
        kept, notes = bounds.sieve(f"{KEY}={self.path}", measured)
        self.popularity.check([len(kept)], len(adapters))
        named = [Prompt("", each.where, adapter=each.adapter) for each in kept if each.adapter]
        check_explicit(named, adapters, self.popularity, False, "workload.adapters")
        return kept, notes

    def _scaled(self, call: Call) -> Call:
        return replace(
            call,
            prompt_tokens=scaled(call.prompt_tokens, self.prompt_factor),
            output_tokens=scaled(call.output_tokens, self.output_factor),
        )

    def _slots(self, calls: Sequence[Call]) -> list[Slot]:
        return [Slot(0, call.at_ns / 1e9 / self.speed) for call in calls]

    def _laws(self, adapters: Sequence[str | None]) -> dict[str, object]:
        return {
            "popularity": asdict(self.popularity),  # type: ignore[call-overload]
            self.name: {
                "file": self.path.name,
                "speed": self.speed,
                "prompt_factor": self.prompt_factor,
                "output_factor": self.output_factor,
            },
            "seeds": asdict(self.seeds),
            "adapters": list(adapters),
            "probabilities": rounded(self.popularity.probabilities(len(adapters))),
        }
