"""Tail percentiles: a few slow requests decide them, so requests are resampled as well."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.compare.intervals import BOOTSTRAP, widened
from pipeline.compare.ratios import Pair, Ratio
from pipeline.compare.run import Run

if TYPE_CHECKING:
    import numpy as np

TAILS = (90, 95, 99)
RESAMPLES = 999


@dataclass(frozen=True)
class TailRatio(Ratio):
    """The ratio of a tail percentile.

    From `intervals.ENOUGH` repeats on its interval is a hierarchical bootstrap: pairs of runs
    within their condition, then the requests of each run. Fewer repeats get Student's interval
    over the runs' percentiles, in which the requests' spread is contained.

    Attributes:
        metric: the percentile, such as `ttft_s/p99`.
        runs: the pairs, whose requests are read when they are needed.
    """

    metric: str = ""
    runs: tuple[Pair, ...] = ()

    @property
    def method(self) -> str | None:
        """How the interval was made; None of a single pair."""
        plain = super().method
        return f"{plain}, then requests" if plain == BOOTSTRAP and self.samples else plain

    @cached_property
    def interval(self) -> tuple[float, float] | None:  # type: ignore[override]
        """95 % interval of the mean; None of a single pair."""
        if super().method != BOOTSTRAP or not self.samples:
            return Ratio(self.values, self.conditions).interval
        groups: dict[object, list[int]] = {}
        for index, condition in enumerate(self.conditions):
            groups.setdefault(condition, []).append(index)
        return _hierarchical(list(groups.values()), self.samples, int(self.metric[-2:]))

    @cached_property
    def samples(self) -> "tuple[tuple[np.ndarray, np.ndarray], ...]":
        """Each pair's requests; empty when a run has kept none."""
        found = tuple((_requests(a, self.metric), _requests(b, self.metric)) for a, b in self.runs)
        return found if all(len(a) and len(b) for a, b in found) else ()


def is_tail(metric: str) -> bool:
    """Whether `metric` is a tail percentile of what every request has."""
    from pipeline.metrics.latency import LATENCIES

    name, _, statistic = metric.rpartition("/")
    return name in LATENCIES and statistic in [f"p{q}" for q in TAILS]


def _requests(run: Run, metric: str) -> "np.ndarray":
    import numpy as np

    from pipeline.metrics.latency import sample
    from pipeline.tracking.run_directory import RunDirectory

    return np.asarray(sample(metric.rpartition("/")[0], RunDirectory(run.path).measured()), float)


def _hierarchical(
    groups: list[list[int]], samples: "tuple[tuple[np.ndarray, np.ndarray], ...]", q: int
) -> tuple[float, float]:
    import numpy as np
    from scipy.stats import bootstrap

    rng = np.random.default_rng(0)

    def resampled(index: int) -> float:
        drawn = (rng.choice(values, len(values)) for values in samples[index])
        ours, theirs = (float(np.percentile(values, q)) for values in drawn)
        return float(np.log(ours / theirs))

    def mean(*chosen: "np.ndarray") -> float:
        return float(np.mean([resampled(int(i)) for group in chosen for i in group]))

    found = bootstrap(
        [np.asarray(group) for group in groups],
        mean,
        n_resamples=RESAMPLES,
        confidence_level=widened(min(map(len, groups)), len(samples) - len(groups)),
        method="percentile",
        vectorized=False,
        rng=rng,
    ).confidence_interval
    return float(np.exp(found.low)), float(np.exp(found.high))
