"""Only what was measured under equal circumstances is divided."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.compare.pairs import pairs
from pipeline.compare.ratios import Ratio, ratio
from pipeline.compare.run import Run

METRIC = "output_tokens_per_s"


def run(value: float, repeat: int = 0, trace: str | None = "t") -> Run:
    """A valid run that made `value` tokens a second."""
    return Run(
        Path("run"),
        "FINISHED",
        {"repeat": repeat},
        validity="VALID",
        metrics={METRIC: value},
        trace=trace,
        condition=(("workload.alpha", 1.0),),
    )


def test_geometric_mean_over_repeats() -> None:
    found = ratio([run(20, 0), run(80, 1)], [run(10, 0), run(10, 1)], METRIC)
    assert found is not None
    assert found.values == (2, 8)
    assert found.mean == pytest.approx(4)
    assert found.pairs == 2


def test_a_repeat_is_paired_with_its_own_number() -> None:
    assert [(a.repeat, b.repeat) for a, b in pairs([run(1, 1), run(1, 2)], [run(1, 2)])] == [(2, 2)]


@pytest.mark.parametrize(
    "other",
    [
        run(10, trace="another"),
        run(10, trace=None),
        run(10, repeat=1),
        replace(run(10), condition=(("workload.alpha", 2.0),)),
        replace(run(10), validity="INVALID"),
        replace(run(10), validity=None),
        replace(run(10), state="FAILED"),
        replace(run(10), metrics={METRIC: "n too small"}),
        run(0),
    ],
)
def test_never_paired(other: Run) -> None:
    assert ratio([run(20)], [other], METRIC) is None
    assert ratio([other], [run(20)], METRIC) is None


def test_no_trace_is_no_common_trace() -> None:
    assert ratio([run(20, trace=None)], [run(10, trace=None)], METRIC) is None


def test_pairs_of_several_conditions_keep_their_own_means() -> None:
    """What a condition does to the ratio is no noise."""
    values = (2.0, 2.1, 1.9, 8.0, 8.4, 7.6)
    together = Ratio(values).interval or (0, 0)
    apart = Ratio(values, ("a",) * 3 + ("b",) * 3).interval or (0, 0)
    assert apart[1] / apart[0] < 1.2 < together[1] / together[0]


def test_the_traces_of_one_repeat_are_no_repeats_of_each_other() -> None:
    """Whatever slows a repeat slows all of its traces: nine traces know no more than one."""
    arm = [run(v, r, str(t)) for r, v in enumerate((9.0, 10.0, 11.0)) for t in range(9)]
    other = [run(10.0, r, str(t)) for r in range(3) for t in range(9)]
    nine, one = ratio(arm, other, METRIC), ratio(arm[::9], other, METRIC)
    assert nine and one
    assert (nine.pairs, one.pairs) == (27, 3)
    assert nine.interval == pytest.approx(one.interval)
    assert nine.p_value == pytest.approx(one.p_value)
    alone = ratio(arm[:9], other, METRIC)
    assert alone and alone.interval is None and alone.p_value is None


def test_the_interval_holds_the_mean_and_is_the_same_each_time() -> None:
    values = (1.8, 2.0, 2.1, 2.3, 1.9)
    found = Ratio(values)
    low, high = found.interval or (0, 0)
    assert low < found.mean < high
    assert low * high == pytest.approx(found.mean**2)  # Student's, on logarithms
    assert found.interval == Ratio(values).interval
    assert Ratio((2.0,)).interval is None
    assert Ratio((2.0, 2.0)).interval == pytest.approx((2, 2))
