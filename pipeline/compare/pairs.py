"""Which runs are held against which, and whether they were neighbours in time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.compare.run import Run

Pair = tuple[Run, Run]
"""A run, and the baseline's that was asked the same, of the same condition, repeat and machine."""


def pairs(runs: Iterable[Run], baseline: Iterable[Run]) -> list[Pair]:
    """Runs and baseline runs that were asked the same, under one condition and in one repeat.

    Only those that count, and only on one machine, unless machines are what is compared.
    """
    partners = {_key(run): run for run in baseline if run.counts and run.asked}
    return [(run, partners[_key(run)]) for run in runs if run.counts and _key(run) in partners]


def _key(run: Run) -> tuple[Any, ...]:
    return run.asked, run.condition, run.repeat, run.machine


def divisible(pair: Pair, metric: str) -> bool:
    """Whether both runs have a figure above 0, so that a ratio and its logarithm exist."""
    return all((run.number(metric) or 0.0) > 0 for run in pair)


def parted(found: Sequence[Pair], runs: Iterable[Run]) -> int:
    """How many pairs had a run of another repeat start between them, on their machine.

    None has where `repeat` is the outermost parameter. Runs without a stamp are passed over.
    """
    starts: dict[str | None, dict[int | None, list[float]]] = {}
    for run in sorted(runs, key=lambda each: _started(each) or 0.0):
        if (at := _started(run)) is not None:
            starts.setdefault(run.machine, {}).setdefault(run.repeat, []).append(at)
    return sum(_parted(pair, starts.get(pair[0].machine, {})) for pair in found)


def _parted(pair: Pair, starts: Mapping[int | None, list[float]]) -> bool:
    stamps = [at for run in pair if (at := _started(run)) is not None]
    if len(stamps) < 2:
        return False
    first, last = sorted(stamps)
    return any(
        bisect_right(others, first) < bisect_left(others, last)
        for repeat, others in starts.items()
        if repeat != pair[0].repeat
    )


def _started(run: Run) -> float | None:
    return datetime.fromisoformat(run.started).timestamp() if run.started else None
