"""When a machine's neighbours had too much of it, from readings that are put in."""

import pytest

from pipeline.errors import UsageError
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.machine.contention import Contention
from pipeline.metrics.timeline import Iteration, Timeline
from pipeline.metrics.validity import Validity, starved, strained

DEFAULT = Validity()


def timeline(utilisation: float, waited: float | None = 0.0, stolen: float = 0.0) -> Timeline:
    """100 s of one thread.

    Args:
        utilisation: share of them on a processor.
        waited: share of the time it could have run; None where it isn't counted.
        stolen: share of the processor's time.
    """
    used = 100 * utilisation
    ready = None if waited is None else used * waited / (1 - waited)
    shared = Contention(100.0, used, ready, 100 * stolen, 100.0, 15.0)
    row = Iteration(0, 0.0, 100.0, {}, AdapterCounts(), used, contention=shared)
    return Timeline((), (row,))


@pytest.mark.parametrize(
    ("measured", "invalid", "caution"),
    [
        (timeline(0.95), "", ""),
        (timeline(0.08, 0.92), "cpu_utilisation is 0.08, below validity.min_utilisation=0.25", ""),
        (timeline(0.26, 0.74), "", "cpu_utilisation is 0.26, below validity.caution_utilisation"),
        (timeline(0.79, 0.21), "", "cpu_utilisation is 0.79"),
        (timeline(0.81, 0.25), "", ""),
        (timeline(0.08, None), "cpu_utilisation is 0.08", ""),
        (timeline(0.08, 0.0), "", ""),  # idle by itself: nobody kept it from running
        (timeline(0.08, 0.5), "", "cpu_utilisation is 0.08"),
        (timeline(1.0, stolen=0.51), "steal_share is 0.51, above validity.max_steal=0.5", ""),
        (timeline(1.0, stolen=0.11), "", "steal_share is 0.11, above validity.caution_steal=0.1"),
        (timeline(1.0, stolen=0.1), "", ""),
    ],
)
def test_a_limit_is_named_with_what_missed_it(
    measured: Timeline, invalid: str, caution: str
) -> None:
    for found, said in (
        (starved(measured, DEFAULT), invalid and f"starved: {invalid}"),
        (strained(measured, DEFAULT), caution),
    ):
        assert len(found) == bool(said)
        assert not said or (found[0].startswith(said) and "load average 15" in found[0])


def test_no_limit_judges_nothing() -> None:
    off = Validity(
        min_utilisation=None, caution_utilisation=None, max_steal=None, caution_steal=None
    )
    worst = timeline(0.01, 0.9, 0.9)
    assert starved(worst, off) == strained(worst, off) == ()
    assert len(starved(worst, DEFAULT)) == 2


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"min_utilisation": 0.9}, "validity.min_utilisation=0.9"),
        ({"caution_steal": 0.6}, "validity.caution_steal=0.6"),
    ],
)
def test_a_caution_comes_before_what_it_warns_of(limits: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Validity(**limits)
