"""A workload drawn from laws: popularity × arrivals × prompts × lengths."""

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Arrivals
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.popularity.law import Popularity
from pipeline.workload.prompts.source import Encode, Prompts
from pipeline.workload.randomness import stream
from pipeline.workload.request import Request
from pipeline.workload.trace import Trace
from pipeline.workload.workload import Workload


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Seeds:
    """Three seeds, so that one thing can change while the others stay."""

    prompts: int
    adapters: int
    arrivals: int


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Generated(Workload):
    """Settings of `workload=generated`.

    `alpha`, `batch_size`, `iterations`, `requests`, `rate` and `max_new_tokens` are what is most
    often swept; the laws' own files take them from here.
    """

    name: str
    popularity: Popularity
    arrivals: Arrivals
    prompts: Prompts
    lengths: Lengths
    seeds: Seeds
    alpha: NonNegativeFloat
    batch_size: PositiveInt
    iterations: PositiveInt
    requests: PositiveInt
    rate: PositiveFloat
    max_new_tokens: PositiveInt
    warmup_iterations: NonNegativeInt
    warmup_tokens: PositiveInt | None = None
    text: bool

    def check(self, adapters: Sequence[str | None]) -> None:
        """The law must be able to deal those adapters."""
        self.popularity.check(self.arrivals.groups(), len(adapters))

    def trace(self, adapters: Sequence[str | None], encode: Encode) -> Trace:
        """Draw everything, from one stream of random numbers each."""
        self.check(adapters)
        slots = self.arrivals.slots(stream(self.seeds.arrivals, "arrivals"))
        dealt = self.popularity.draw(
            self.arrivals.groups(), len(adapters), stream(self.seeds.adapters, "adapters")
        )
        prompts = self.prompts.draw(len(slots), stream(self.seeds.prompts, "prompts"), encode)
        lengths = self.lengths.draw(len(slots), stream(self.seeds.prompts, "lengths"))
        rows = zip(slots, dealt, prompts, lengths, strict=True)
        requests = tuple(
            Request(
                id=id_,
                iteration=slot.iteration,
                adapter=adapters[index],
                prompt=prompt,
                prompt_ids=tuple(encode(prompt)),
                max_new_tokens=length,
                scheduled_s=slot.scheduled_s,
            )
            for id_, (slot, index, prompt, length) in enumerate(rows)
        )
        return Trace(requests, self.arrivals.max_in_flight, self._laws(adapters))

    def _laws(self, adapters: Sequence[str | None]) -> dict[str, object]:
        probabilities = self.popularity.probabilities(len(adapters))
        vector = probabilities and [round(each, 12) for each in probabilities]
        return {
            "popularity": asdict(self.popularity),  # type: ignore[call-overload]
            "arrivals": asdict(self.arrivals),  # type: ignore[call-overload]
            "prompts": self.prompts.name,
            "lengths": asdict(self.lengths),  # type: ignore[call-overload]
            "seeds": asdict(self.seeds),
            "adapters": list(adapters),
            "probabilities": vector,
        }
