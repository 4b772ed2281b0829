"""A workload read from a file: `workload=replay workload.path=…`."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.source import Encode
from pipeline.workload.prompts.text_reader import NO_OWN, Template, TextReaders, tokenizer_of
from pipeline.workload.ranges import Repetitions
from pipeline.workload.room import BOUNDLESS, ModelLimits
from pipeline.workload.run_in import RunIn
from pipeline.workload.trace import Trace, used
from pipeline.workload.trace_file import InFlight, description_of, read_trace
from pipeline.workload.workload import Workload


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ReplayedTrace(Workload):
    """Settings of `workload=replay`.

    Attributes:
        name: what the user typed.
        path: a `trace.jsonl`, with its `trace.json` beside it.
        in_flight: requests in flight at a time, for a file written by hand: `all` or a number.
    """

    name: str
    path: Path
    in_flight: InFlight | None = None
    warmup_iterations: Repetitions
    warmup_tokens: PositiveInt | None = None
    run_in: RunIn = field(default_factory=RunIn)
    text: bool

    def reads(self) -> Mapping[str, Sequence[Path]]:
        """What says whether it is whole, too."""
        return {"path": (self.path, description_of(self.path))}

    def check(self, adapters: Sequence[str | None]) -> None:
        """The file must be whole and name only adapters that are there."""
        trace = self._read()
        self.run_in.check(trace.requests, trace.max_in_flight)
        unknown = sorted(used(trace.requests) - {*adapters})
        if unknown:
            raise UsageError(
                f"workload.path={self.path}: names the adapter {unknown[0]!r}; "
                f"there are {', '.join(map(str, adapters))}"
            )

    def trace(
        self,
        adapters: Sequence[str | None],
        encode: Encode,
        room: ModelLimits = BOUNDLESS,
        template: Template | None = None,
        own: TextReaders = NO_OWN,
    ) -> Trace:
        """The file's trace, if the tokenizer of whoever is asked still gives its ids."""
        trace = self._read()
        for request in trace.requests if self.text else ():
            its = tokenizer_of(request.adapter, own, encode)
            if tuple(its(request.prompt)) != request.prompt_ids:
                raise UsageError(
                    f"workload.path={self.path}: request {request.id} was tokenised otherwise; "
                    "it was drawn for another model (workload.text=false replays its ids)"
                )
        room.hold(f"workload.path={self.path}", trace.requests)
        return trace

    def _read(self) -> Trace:
        return read_trace(self.path, self.in_flight)
