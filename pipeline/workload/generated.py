"""A workload drawn from laws: popularity × arrivals × prompts × lengths."""

from collections.abc import Sequence
from dataclasses import asdict, field

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Arrivals
from pipeline.workload.assembly import assemble
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.popularity.law import Popularity, rounded
from pipeline.workload.prompts.source import Encode, Prompts
from pipeline.workload.randomness import stream
from pipeline.workload.run_in import RunIn
from pipeline.workload.seeds import Seeds
from pipeline.workload.trace import Trace
from pipeline.workload.workload import Workload


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
    run_in: RunIn = field(default_factory=RunIn)
    text: bool

    def check(self, adapters: Sequence[str | None]) -> None:
        """The law must be able to deal those adapters, and all files must be whole."""
        self.prompts.check()
        self.lengths.check()
        self.popularity.check(self.arrivals.groups(), len(adapters))
        slots = self.arrivals.slots(stream(self.seeds.arrivals, "arrivals"))
        self.run_in.check(slots, self.arrivals.max_in_flight)

    def trace(self, adapters: Sequence[str | None], encode: Encode) -> Trace:
        """Draw everything, from one stream of random numbers each."""
        self.check(adapters)
        slots = self.arrivals.slots(stream(self.seeds.arrivals, "arrivals"))
        choices = self.popularity.deal(
            self.arrivals.groups(), len(adapters), stream(self.seeds.adapters, "adapters")
        )
        prompts = self.prompts.draw_for(
            [choice.adapter for choice in choices], stream(self.seeds.prompts, "prompts"), encode
        )
        lengths = self.lengths.draw(len(slots), stream(self.seeds.prompts, "lengths"))
        requests = assemble(slots, choices, prompts, lengths, adapters, encode)
        return Trace(requests, self.arrivals.max_in_flight, self._laws(adapters))

    def _laws(self, adapters: Sequence[str | None]) -> dict[str, object]:
        return {
            "popularity": asdict(self.popularity),  # type: ignore[call-overload]
            "arrivals": asdict(self.arrivals),  # type: ignore[call-overload]
            "prompts": self.prompts.name,
            "lengths": asdict(self.lengths),  # type: ignore[call-overload]
            "seeds": asdict(self.seeds),
            "adapters": list(adapters),
            "probabilities": rounded(self.popularity.probabilities(len(adapters))),
        }
