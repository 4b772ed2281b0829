"""Arms, conditions, and the means of repeats."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.compare.cells import cells, place
from pipeline.compare.load import load
from pipeline.compare.run import Run


def run(number: int = 0, sweep: str = "s", **settings: Any) -> Run:
    """A valid run with these settings; `__` in a name stands for a dot."""
    flat: Mapping[str, Any] = {key.replace("__", "."): value for key, value in settings.items()}
    return Run(Path(sweep) / str(number), "FINISHED", flat, validity="VALID", metrics={"m": number})


def arms(*runs: Run) -> list[str]:
    """The arms' names, in order."""
    return [each.arm for each in place(runs)]


def test_precision_is_named_where_it_differs() -> None:
    noop = run(engine__name="noop", engine__precision="fp32")
    fast = run(1, engine__name="fast", engine__precision="int4")
    assert arms(noop) == ["noop"]
    assert arms(noop, fast) == ["noop fp32", "fast int4"]


def test_how_the_base_is_stored_makes_an_arm_not_a_condition() -> None:
    whole = run(engine__name="peft", engine__precision="fp32", model__quantization="none")
    four = run(1, engine__name="peft", engine__precision="fp32", model__quantization="nf4")
    other = run(2, engine__name="other", engine__precision="q8_0", model__quantization="none")
    assert arms(whole, four) == ["peft", "peft nf4"]
    assert arms(whole, four, other) == ["peft fp32", "peft fp32 nf4", "other q8_0"]
    assert {each.condition for each in place([whole, four, other])} == {()}


def test_a_setting_names_the_arms_of_the_engine_that_varies_it() -> None:
    first = run(engine__name="a", engine__policy="grouped")
    second = run(1, engine__name="a", engine__policy="fcfs")
    other = run(2, engine__name="b", engine__policy="greedy")
    assert arms(first, second, other) == ["a policy=grouped", "a policy=fcfs", "b"]


def test_a_sweep_is_called_by_its_name_where_more_than_one_setting_tells_it_apart() -> None:
    short = [run(n, "short", engine__name="a", workload__x=1, workload__y=1, r=n) for n in (0, 1)]
    long = [run(n, "long", engine__name="a", workload__x=2, workload__y=3, r=n) for n in (0, 1)]
    assert [each.condition for each in place([*short, *long])] == [
        (("sweep", name), ("r", n)) for name in ("short", "long") for n in (0, 1)
    ]
    one = run(0, "other", engine__name="a", workload__x=2, workload__y=1, r=0)
    assert place([*short, one])[-1].condition == (("r", 0), ("workload.x", 2))


def test_floors_of_fidelity_make_neither() -> None:
    strict = run(1, engine__name="peft", fidelity__max_kl=0.1)
    (lax, tight) = place([run(engine__name="peft", fidelity__max_kl=None), strict])
    assert lax.condition == tight.condition == ()


def test_settings_of_an_engine_make_an_arm_others_a_condition() -> None:
    placed = place(
        [run(n, engine__name="fast", engine__slots=n, threads=t) for n in (1, 2) for t in (1, 2)]
    )
    assert {each.arm for each in placed} == {"fast slots=1", "fast slots=2"}
    assert {each.condition for each in placed} == {(("threads", 1),), (("threads", 2),)}


def test_an_engine_entered_twice_is_two_arms() -> None:
    assert arms(run(0, engine__name="a"), run(1, engine__name="a")) == ["a", "a (2)"]


def test_the_same_configuration_in_two_sweeps_is_two_arms() -> None:
    assert arms(run(0, "old", engine__name="a"), run(0, "new", engine__name="a")) == [
        "a @ old",
        "a @ new",
    ]


def test_repeats_make_one_cell_and_only_valid_runs_enter_it(
    tmp_path: Path, make_sweep: Callable[..., Path]
) -> None:
    path = make_sweep(
        tmp_path / "s", ("merged",), (1.0,), (4,), (0, 1, 2), {1: {"reasons": ("lag",)}}
    )
    (cell,) = cells(place(load([path])))
    assert [each.repeat for each in cell.runs] == [0, 2]
    both = [each.number("latency_per_iteration_s") or 0 for each in cell.runs]
    assert cell.mean("latency_per_iteration_s") == pytest.approx(sum(both) / 2)
    assert cell.mean("ttft_s/p90") is None
