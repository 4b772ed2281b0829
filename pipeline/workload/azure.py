"""A workload from a production trace, `workload=azure workload.path=…`.

Times and lengths are the file's. What it doesn't tell is drawn: words, and which adapter is asked.
"""

from collections.abc import Sequence
from dataclasses import asdict, field
from pathlib import Path

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Slot
from pipeline.workload.assembly import assemble
from pipeline.workload.azure_trace import Call, read_calls
from pipeline.workload.lengths.scaled import scaled
from pipeline.workload.popularity.law import Popularity, rounded
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Encode
from pipeline.workload.randomness import stream
from pipeline.workload.run_in import RunIn
from pipeline.workload.seeds import Seeds
from pipeline.workload.trace import Trace
from pipeline.workload.workload import Workload


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Azure(Workload):
    """Settings of `workload=azure`.

    Attributes:
        name: what the user typed.
        path: the CSV file.
        popularity: which adapter a call names; any law.
        alpha: skew, for the laws that have one.
        requests: the first so many calls; None for all.
        speed: so many times as fast as it was: stamps are divided by it.
        prompt_factor: prompts are so many times as long as they were.
        output_factor: answers are so many times as long as they were.
        seeds: of words and adapters; nothing is drawn for the arrivals.
    """

    name: str
    path: Path
    popularity: Popularity
    alpha: NonNegativeFloat
    requests: PositiveInt | None
    speed: PositiveFloat
    prompt_factor: PositiveFloat
    output_factor: PositiveFloat
    seeds: Seeds
    warmup_iterations: NonNegativeInt
    warmup_tokens: PositiveInt | None = None
    run_in: RunIn = field(default_factory=RunIn)
    text: bool

    def check(self, adapters: Sequence[str | None]) -> None:
        """The file must be whole, and the law must be able to deal those adapters."""
        calls = self._calls()
        self.popularity.check([len(calls)], len(adapters))
        self.run_in.check(self._slots(calls), None)

    def trace(self, adapters: Sequence[str | None], encode: Encode) -> Trace:
        """The file's calls, in its order."""
        self.check(adapters)
        calls, exact = self._calls(), ExactLength(encode)
        words = stream(self.seeds.prompts, "prompts")
        requests = assemble(
            slots=self._slots(calls),
            choices=self.popularity.deal(
                [len(calls)], len(adapters), stream(self.seeds.adapters, "adapters")
            ),
            prompts=[
                exact.prompt(scaled(call.prompt_tokens, self.prompt_factor), words)
                for call in calls
            ],
            lengths=[scaled(call.output_tokens, self.output_factor) for call in calls],
            adapters=adapters,
            encode=encode,
        )
        return Trace(requests, None, self._laws(adapters))

    def _calls(self) -> list[Call]:
        return read_calls("workload.path", self.path, self.requests)

    def _slots(self, calls: Sequence[Call]) -> list[Slot]:
        return [Slot(0, call.at_ns / 1e9 / self.speed) for call in calls]

    def _laws(self, adapters: Sequence[str | None]) -> dict[str, object]:
        return {
            "popularity": asdict(self.popularity),  # type: ignore[call-overload]
            "azure": {
                "file": self.path.name,
                "speed": self.speed,
                "prompt_factor": self.prompt_factor,
                "output_factor": self.output_factor,
            },
            "seeds": asdict(self.seeds),
            "adapters": list(adapters),
            "probabilities": rounded(self.popularity.probabilities(len(adapters))),
        }
