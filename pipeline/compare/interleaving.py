"""Whether the runs of a pair were neighbours in time."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

from pipeline.compare.ratios import Pair
from pipeline.compare.run import Run


def parted(found: Sequence[Pair], runs: Iterable[Run]) -> int:
    """How many pairs had a run of another repeat start between them.

    None has where `repeat` is the outermost parameter. Runs without a stamp are passed over.
    """
    starts: dict[int | None, list[float]] = {}
    for run in runs:
        if (at := _started(run)) is not None:
            starts.setdefault(run.repeat, []).append(at)
    for stamps in starts.values():
        stamps.sort()
    return sum(_parted(pair, starts) for pair in found)


def _parted(pair: Pair, starts: dict[int | None, list[float]]) -> bool:
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
