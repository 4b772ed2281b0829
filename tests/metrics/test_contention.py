"""Shares of the processors, from readings that are put in."""

from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.machine.contention import Contention
from pipeline.metrics.contention import contention
from pipeline.metrics.definitions import N_TOO_SMALL, NOT_MEASURED
from pipeline.metrics.timeline import Iteration, Timeline

READINGS = {
    "busy_s": 2.0,
    "used_s": 3.0,
    "waited_s": 1.0,
    "stolen_s": 0.5,
    "offered_s": 10.0,
    "load_average": 4.0,
}


def timeline(*readings: dict[str, Any] | None, cpu_seconds: float = 3.0) -> Timeline:
    """One iteration of 5 s for each, on two threads."""

    def iteration(index: int, given: dict[str, Any] | None) -> Iteration:
        shared = None if given is None else Contention(**READINGS | given)
        start = 10.0 * index
        return Iteration(
            index, start, start + 5, {}, AdapterCounts(), cpu_seconds, contention=shared
        )

    return Timeline((), tuple(map(iteration, range(len(readings)), readings)), threads=2)


@pytest.mark.parametrize(
    ("readings", "name", "value"),
    [
        ([{}], "cpu_utilisation", 3 / 4),  # waiting for arrivals is in the 5 s, not in the 2
        ([{}, {"busy_s": 6.0, "used_s": 5.0}], "cpu_utilisation", 8 / 16),
        ([{}], "cpu_wait_share", 1 / 4),
        ([{}, {"waited_s": 5.0}], "cpu_wait_share", 6 / 12),
        ([{"waited_s": None}], "cpu_wait_share", NOT_MEASURED),
        ([{}], "steal_share", 0.05),
        ([{"offered_s": 0.4, "stolen_s": 0.1}], "steal_share", N_TOO_SMALL),
        ([{"offered_s": 0.6, "stolen_s": 0.1}] * 2, "steal_share", 0.2 / 1.2),
        ([{"stolen_s": None, "offered_s": None}], "steal_share", NOT_MEASURED),
        ([{}, {"load_average": 15.0}, {}], "load_average", 15.0),
        ([{"load_average": None}], "load_average", NOT_MEASURED),
        ([{"busy_s": 0.0}], "cpu_utilisation", NOT_MEASURED),
    ],
)
def test_by_hand(readings: Sequence[dict[str, Any]], name: str, value: float | str) -> None:
    found = contention(timeline(*readings))[name]
    assert found == (value if isinstance(value, str) else pytest.approx(value))


def test_a_run_of_before_has_its_utilisation_over_all_its_time() -> None:
    found = contention(timeline(None, {}))
    assert found["cpu_utilisation"] == 6 / 20
    assert {found[name] for name in ("cpu_wait_share", "steal_share", "load_average")} == {
        NOT_MEASURED
    }


def test_an_iteration_keeps_its_readings_on_disk() -> None:
    (row,) = timeline({}).iterations
    assert Iteration.from_json(row.to_json()) == row
    before = row.to_json()
    del before["contention"]
    assert Iteration.from_json(before).contention is None
