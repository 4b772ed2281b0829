"""Sweeps over several machines: pairs keep to one, like ones are pooled and said, others apart."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.machines import Machine, fleets
from pipeline.compare.pairs import parted
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.export import document
from pipeline.compare.run import read_run
from pipeline.files.documents import write_json

MakeRun = Callable[..., Path]
Spread = Callable[..., Comparison]

NODES: tuple[Mapping[str, Any], ...] = tuple(
    {"hostname": f"node-{letter}", "machine_id": letter * 16} for letter in "abc"
)
OTHER_KIND = {"hostname": "older", "machine_id": "0" * 16, "cpu": {"flags": ["avx2"]}}
ENGINES = ("merged", "multilora")


@pytest.fixture
def spread(tmp_path: Path, make_run: MakeRun) -> Spread:
    """A sweep of two engines whose repeats ran where it is said, an engine each or both at once."""

    def spread(*nodes: Any, by: tuple[str, ...] = (), axis: str | None = None) -> Comparison:
        jobs = []
        for repeat, where in enumerate(nodes):
            both = where if isinstance(where, tuple) else (where, where)
            for engine, node in zip(ENGINES, both, strict=True):
                name = f"{engine}{repeat}"
                make_run(tmp_path / "sweep" / name, engine, repeat=repeat, circumstances=node)
                jobs.append({"path": name, "overrides": [f"engine={engine}", f"repeat={repeat}"]})
        known = {"id": "s", "command": "c", "started": "2026-11-24T12:00:00+00:00"}
        write_json(tmp_path / "sweep" / "sweep.json", known | {"jobs": jobs})
        return assemble([tmp_path / "sweep"], by=by, axis=axis)

    return spread


def test_like_machines_of_a_sweep_are_repeats_of_the_same_and_it_is_said(spread: Spread) -> None:
    comparison = spread(*NODES)
    assert "machine" not in comparison.columns
    (cell,) = {each.condition for each in comparison.cells}
    ratio = comparison.cell_verdicts["multilora", cell].ratio
    assert ratio.pairs == 3 and ratio.interval is not None
    (said,) = [each for each in cautions(comparison) if "machines of one kind" in each]
    assert "3 machines of one kind (node-a; node-b; node-c)" in said
    assert [run["machine"] for run in document(comparison)["runs"]][::2] == [
        each["hostname"] for each in NODES
    ]


def test_arms_of_a_block_on_two_machines_are_no_pair_and_it_is_said(spread: Spread) -> None:
    """As when a sweep that was interrupted goes on elsewhere."""
    comparison = spread(NODES[0], NODES[0], (NODES[0], NODES[1]))
    assert comparison.verdicts["multilora"].ratio.pairs == 2
    (said,) = [each for each in cautions(comparison) if "different machines" in each]
    assert "different machines in 1 of 3 pairs of runs, so they are not paired" in said


def test_no_pair_is_made_where_each_arm_had_a_machine_of_its_own(spread: Spread) -> None:
    comparison = spread(*[(NODES[0], NODES[1])] * 3)
    assert comparison.verdicts == {}
    (said,) = [each for each in cautions(comparison) if "different machines" in each]
    assert said.startswith("multilora and merged ran on different machines, so they are not paired")


def test_kinds_are_conditions_and_overall_ratios_over_them_say_so(spread: Spread) -> None:
    comparison = spread(NODES[0], NODES[1], OTHER_KIND, OTHER_KIND)
    assert comparison.columns[-1] == "machine"
    found = {dict(each.condition)["machine"]: len(each.runs) for each in comparison.cells}
    assert found == {"node-a and 1 like it": 2, "older": 2}
    assert comparison.verdicts["multilora"].ratio.pairs == 4
    (said,) = [each for each in cautions(comparison) if "of 2 kinds" in each]
    assert "pairs are of 3 machines of 2 kinds (node-a; node-b; older)" in said
    assert spread(NODES[0], OTHER_KIND, axis="machine").axis == "machine"


def test_machines_that_are_compared_are_one_by_one_even_if_alike(spread: Spread) -> None:
    comparison = spread((NODES[0], NODES[1]), by=("machine",))
    assert comparison.arms == ("merged machine=node-a", "multilora machine=node-b")
    assert comparison.verdicts["multilora machine=node-b"].ratio.pairs == 1
    assert not any("machines" in each for each in cautions(comparison))


@pytest.mark.parametrize(
    "changed",
    [
        {"cpu": {"flags": ["avx2", "avx512f", "fma"]}},
        {"cpu": {"model_number": 17}},
        {"cpu": {"logical_cores": 8}},
        {"memory": {"total_bytes": 8 * 2**30}},
    ],
)
def test_what_makes_another_kind_makes_another_machine(
    changed: Mapping[str, Any], spread: Spread
) -> None:
    """The same host with half of its memory, say, is another machine."""
    comparison = spread(({}, changed))
    assert comparison.verdicts == {}
    one, other = map(Machine.of, comparison.runs)
    assert one.kind != other.kind
    assert (one.host, one.id) == (other.host, other.id)


def test_runs_outside_of_sweeps_stay_apart_by_machine(tmp_path: Path, make_run: MakeRun) -> None:
    for node in NODES[:2]:
        make_run(tmp_path / node["hostname"], circumstances=node)
    runs = [read_run(each) for each in sorted(tmp_path.iterdir())]
    assert [*fleets(runs).values()] == ["node-a", "node-b"]


def test_other_repeats_on_other_machines_lie_between_no_pair(spread: Spread) -> None:
    comparison = spread(*NODES)
    runs = sorted(comparison.runs, key=lambda run: run.arm)
    for second, run in enumerate(runs):
        object.__setattr__(run, "started", f"2026-11-24T12:00:{second:02d}+00:00")
    found = [(run, other) for run, other in zip(runs[3:], runs[:3], strict=True)]
    assert all(run.machine == other.machine for run, other in found)
    assert parted(found, runs) == 0
    for run in runs:
        object.__setattr__(run, "machine", "one")
    assert parted(found, runs) == 3
