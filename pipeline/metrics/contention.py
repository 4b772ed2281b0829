"""What others took of the processors: how much of the machine a run really had."""

from collections.abc import Iterable, Sequence

from pipeline.machine.contention import Contention
from pipeline.metrics.definitions import N_TOO_SMALL, NOT_MEASURED, Value
from pipeline.metrics.timeline import Timeline

SHORTEST_S = 1.0
"""Processor time below which shares of it aren't told: stolen time is counted in ticks of 10 ms."""


def contention(timeline: Timeline) -> dict[str, Value]:
    """`cpu_utilisation`, `cpu_wait_share`, `steal_share` and `load_average`.

    A run of before these were recorded has the first alone, over all of its wall time.
    """
    used = sum(each.cpu_seconds for each in timeline.iterations)
    outside = timeline.outside_cpu_seconds
    stretches = [each.contention for each in timeline.iterations if each.contention]
    if len(stretches) < len(timeline.iterations):
        return {"cpu_utilisation": used / (timeline.wall_s * timeline.threads)} | dict.fromkeys(
            ("cpu_wait_share", "steal_share", "load_average"), NOT_MEASURED
        )
    waited = _sum(each.waited_s for each in stretches)
    loads = [each.load_average for each in stretches if each.load_average is not None]
    return {
        "cpu_utilisation": _utilisation(stretches, timeline.threads, outside),
        "cpu_wait_share": _waited(waited, used, outside),
        "steal_share": _stolen(stretches),
        "load_average": max(loads, default=NOT_MEASURED),
    }


def _utilisation(stretches: Sequence[Contention], threads: int, outside: float | None) -> Value:
    """1 where every compute thread ran throughout; more where others ran beside them.

    What computes beside the engine's process does so for its calls, whenever it does.
    """
    busy = sum(each.busy_s for each in stretches)
    if outside is None:
        return NOT_MEASURED
    return _share(sum(each.used_s for each in stretches) + outside, busy * threads)


def _waited(waited: float | None, used: float, outside: float | None) -> Value:
    if waited is None or outside is None:
        return NOT_MEASURED
    return _share(waited, waited + used + outside)


def _stolen(stretches: Sequence[Contention]) -> Value:
    stolen = _sum(each.stolen_s for each in stretches)
    offered = _sum(each.offered_s for each in stretches)
    if stolen is None or offered is None:
        return NOT_MEASURED
    return stolen / offered if offered >= SHORTEST_S else N_TOO_SMALL


def _share(part: float, whole: float) -> Value:
    return part / whole if whole > 0 else NOT_MEASURED


def _sum(values: Iterable[float | None]) -> float | None:
    """None if one of them is missing."""
    known = list(values)
    return None if None in known else sum(value for value in known if value is not None)
