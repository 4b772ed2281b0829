"""Only what was measured under equal circumstances is divided."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.compare.ratios import pairs, ratio
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
