"""Which setting plots run along, and what conditions have in common."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.compare.conditions import axis_of, order
from pipeline.compare.run import Run
from pipeline.errors import UsageError


def run(validity: str = "VALID", **settings: Any) -> Run:
    condition = tuple((name.replace("__", "."), value) for name, value in settings.items())
    return Run(Path("runs/1"), "FINISHED", validity=validity, condition=condition)


def test_the_first_number_that_was_varied_is_the_axis() -> None:
    runs = [run(law=law, workload__alpha=a, batch=b) for law, a, b in [("x", 0, 1), ("y", 1, 2)]]
    assert axis_of(runs) == "workload.alpha"
    assert axis_of(runs[:1]) is None


def test_it_may_be_named_in_full_or_by_its_last_word() -> None:
    runs = [run(workload__alpha=a, workload__batch_size=4 * a) for a in (1, 2)]
    assert axis_of(runs, "workload.alpha") == axis_of(runs, "alpha") == "workload.alpha"
    assert axis_of(runs, "batch") == axis_of(runs, "batch_size") == "workload.batch_size"


def test_what_only_runs_vary_that_do_not_count_is_none() -> None:
    runs = [run(alpha=1), run(alpha=2, validity="INVALID")]
    with pytest.raises(UsageError, match=r"--axis alpha: .* nothing but the engine"):
        axis_of(runs, "alpha")


def test_conditions_are_ordered_by_number_and_then_by_name() -> None:
    conditions = [(("a", value),) for value in ("b", 10.0, 9, None, "a")]
    assert [value for ((_, value),) in sorted(conditions, key=order)] == [9, 10.0, None, "a", "b"]
