"""Simulated servers of known capacity: does the search find it, and its interval hold it?

    python -m pipeline.metrics.known_servers --searches 200

Requests come as a Poisson process and wait in one queue for one of some places; service times are
constant, or gamma with a coefficient of variation. The limit is on the wait: it is the TTFT of a
server whose first token comes as soon as it begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.attainment import Probe
from pipeline.metrics.capacity import Capacity, Search, capacity, following
from pipeline.metrics.slo import Slo
from pipeline.process.arguments import Arguments, count, seed

LEAST = 240
"""`workload.requests` of +experiment=capacity."""


@dataclass(frozen=True)
class Server:
    """A queue with some places.

    Attributes:
        places: requests served at a time.
        mean_s: mean service time.
        cv: coefficient of variation of the service times; 0 for constant ones.
        limit_s: longest wait that keeps the limit.
        capacity: requests a second at which 1 % of the requests wait longer. For one place and
            constant service Erlang's formula for M/D/1 gives it; the others are from 12 million
            requests each, in 1,500 runs of which the first 2,000 requests were left out.
    """

    places: int
    mean_s: float
    cv: float
    limit_s: float
    capacity: float

    def missed(
        self, runs: Sequence["SimulatedRun"], random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Counted requests of each run, from an empty server, that wait too long."""
        rates = np.array([run.rate for run in runs])
        skipped = np.array([run.skipped for run in runs])
        end = skipped + np.array([run.counted for run in runs])
        every, now = np.arange(len(runs)), np.zeros(len(runs))
        free, missed = np.zeros((len(runs), self.places)), np.zeros(len(runs), np.int64)
        for number in range(int(end.max())):
            now += random.exponential(size=len(runs)) / rates
            place = free.argmin(1)
            begun = np.maximum(now, free[every, place])
            free[every, place] = begun + self._services(len(runs), random)
            missed += (begun - now > self.limit_s) & (number >= skipped) & (number < end)
        return missed

    def served(self, rate: float) -> float:
        """Throughput at that rate of arrivals, in the long run."""
        return min(rate, self.places / self.mean_s)

    def _services(self, count: int, random: np.random.Generator) -> NDArray[np.float64] | float:
        if self.cv == 0:
            return self.mean_s
        return random.gamma(self.cv**-2, self.mean_s * self.cv**2, count)


@dataclass(frozen=True)
class SimulatedRun:
    """A run to simulate: requests a second, requests counted, and those skipped before them."""

    rate: float
    counted: int
    skipped: int


SERVERS = (
    Server(1, 0.02, 0.0, 0.25, 41.564),
    Server(1, 0.02, 0.5, 0.25, 39.47),
    Server(8, 0.2, 0.0, 0.25, 32.45),
    Server(8, 0.2, 0.5, 0.25, 30.87),
)


def searched(server: Server, searches: int, search: Search, seed: int = 0) -> Iterator[Capacity]:
    """What so many searches find, each with arrivals and service times of its own."""
    random = np.random.default_rng(seed)
    probes: list[list[Probe]] = [[] for _ in range(searches)]
    slo = Slo(ttft=server.limit_s)
    while going := [
        (mine, rate) for mine in probes if (rate := following(mine, search)) is not None
    ]:
        runs = [
            SimulatedRun(rate, *search.counts(rate, slo, LEAST, first=not mine))
            for mine, rate in going
        ]
        missed = server.missed(runs, random)
        for (mine, rate), run, late in zip(going, runs, missed, strict=True):
            good = run.counted - int(late)
            mine.append(Probe(rate, good, run.counted, server.served(rate)))
    return (capacity(mine, search) for mine in probes)


@dataclass(frozen=True)
class Calibration:
    """How near the truth many searches came.

    Attributes:
        error: mean of found ÷ true capacity, minus 1.
        spread: standard deviation of that.
        holds: share of searches whose interval holds the true capacity.
        width: median of upper ÷ lower end of the interval.
        doubted: share of searches with a doubt.
    """

    error: float
    spread: float
    holds: float
    width: float
    doubted: float


def calibration(server: Server, searches: int, search: Search, seed: int = 0) -> Calibration:
    """Mean error and coverage; a search that found nothing is wrong by all and holds nothing."""
    found = list(searched(server, searches, search, seed))
    relative = np.array([(each.rate or 0) / server.capacity for each in found])
    holds = [each.low <= server.capacity <= (each.high or 0) for each in found]
    widths = [each.high / each.low for each in found if each.high and each.low]
    return Calibration(
        error=float(relative.mean()) - 1,
        spread=float(relative.std()),
        holds=float(np.mean(holds)),
        width=float(np.median(widths)),
        doubted=float(np.mean([bool(each.doubts(search)) for each in found])),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a server."""
    parser = Arguments(
        prog="python -m pipeline.metrics.known_servers",
        description="The search for a capacity, on simulated servers whose capacity is known.",
    )
    parser.add_argument("--searches", type=count, default=200, help="of each server (200)")
    parser.add_argument("--seed", type=seed, default=0, help="of arrivals and service times (0)")
    given = parser.parse_args(arguments)
    print("places   cv  capacity  mean error  spread  interval holds it  its width  doubted")
    for server in SERVERS:
        row = calibration(server, given.searches, Search(), given.seed)
        print(
            f"{server.places:6} {server.cv:4g} {server.capacity:7.1f}/s {row.error:+11.1%} "
            f"{row.spread:7.1%} {row.holds:18.1%} {row.width - 1:10.0%} {row.doubted:8.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
