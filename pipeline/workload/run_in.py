"""The run-in: the beginning of a run that is served, kept in its files, and not counted.

Where everybody comes at once, the first burst waits for itself; where requests come by the clock,
the first of them find an empty engine. Neither is what a server is like that has been up for long.
"""

from collections.abc import Sequence
from typing import Protocol

from pydantic import PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT


class Timed(Protocol):
    """What arrives at some time: a slot, or a request."""

    @property
    def iteration(self) -> int:
        """The measured stretch it belongs to."""

    @property
    def scheduled_s(self) -> float:
        """Seconds from the start of its iteration."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RunIn:
    """Settings of `workload.run_in`: how long, or how many requests; neither for no run-in.

    Attributes:
        seconds: requests scheduled earlier than so long after the run's start belong to it.
        requests: the first so many that are handed over do; but for later turns of conversations,
            which wait for an answer, those are the first of the trace.
    """

    seconds: PositiveFloat | None = None
    requests: PositiveInt | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and self.requests is not None:
            raise UsageError("workload.run_in: give its seconds or its requests, not both")

    def covers(self, number: int, since_start_s: float) -> bool:
        """Whether the run-in holds the request that is handed over as `number`, due so late."""
        if self.seconds is not None:
            return since_start_s < self.seconds
        return number < (self.requests or 0)

    def check(self, arrivals: Sequence[Timed], max_in_flight: int | None) -> None:
        """Refuse what would leave nothing to measure, or half of a batch.

        Raises:
            UsageError: naming the setting and what to give instead.
        """
        by_clock = max_in_flight is None and arrivals[0].iteration == arrivals[-1].iteration
        if self.seconds is not None and by_clock and arrivals[-1].scheduled_s < self.seconds:
            raise UsageError(
                f"workload.run_in.seconds={self.seconds:g}: leaves nothing to measure, for the "
                f"last request comes after {arrivals[-1].scheduled_s:.4g} s; make it shorter, or "
                "the run longer"
            )
        if self.requests is not None:
            self._check_count(self.requests, arrivals, max_in_flight)

    def _check_count(
        self, count: int, arrivals: Sequence[Timed], max_in_flight: int | None
    ) -> None:
        if count >= len(arrivals):
            raise UsageError(
                f"workload.run_in.requests={count}: leaves nothing to measure of "
                f"{len(arrivals)} requests; make it smaller, or the run longer"
            )
        last, following = (
            (each.iteration, each.scheduled_s) for each in (arrivals[count - 1], arrivals[count])
        )
        if max_in_flight is None and last == following:
            raise UsageError(
                f"workload.run_in.requests={count}: parts requests that come together; end it "
                "where a batch ends, at a multiple of workload.batch_size"
            )
