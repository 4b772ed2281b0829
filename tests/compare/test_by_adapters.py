"""Runs that differ in their adapters alone, held against one another because that is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.compare.comparison import assemble
from pipeline.compare.gate import Condition
from pipeline.compare.report.headline import finding
from pipeline.errors import UsageError
from pipeline.files.documents import write_json

MakeRun = Callable[..., Path]
NONE = {"adapters": {"name": "none", "count": None}}
METRIC = "output_tokens_per_s"


@pytest.fixture
def sweep(tmp_path: Path, make_run: MakeRun) -> Path:
    """Two engines with adapters and without, three times; the same prompts, but for one run."""
    for repeat in range(3):
        for engine, speed in (("multilora", 120.0), ("llama_cpp", 60.0)):
            for settings in ({}, NONE):
                name = f"{engine}{'none' if settings else 'eight'}"
                work = "other" if (name, repeat) == ("multiloranone", 2) else "work"
                run = make_run(
                    tmp_path / "sweep" / f"{name}{repeat}",
                    engine,
                    repeat=repeat,
                    trace=f"trace {bool(settings)} {work}",
                    metrics={METRIC: speed * (1.5 if settings else 1.0)},
                    settings=settings,
                )
                asked = {"sha256": f"trace {bool(settings)} {work}", "work_sha256": work}
                write_json(run / "trace.json", asked)
    return tmp_path / "sweep"


def test_ours_with_adapters_against_theirs_without(sweep: Path) -> None:
    theirs = "llama_cpp adapters=none"
    comparison = assemble([sweep], baseline=theirs, by=["adapters"])
    ratios = {arm: each.ratio for arm, each in comparison.verdicts.items()}
    ours = next(arm for arm in ratios if arm.startswith("multilora") and arm.endswith("=5"))
    assert ratios[ours].mean == pytest.approx(120 / 90) and ratios[ours].pairs == 3
    assert ratios["llama_cpp adapters=5"].mean == pytest.approx(60 / 90)
    bare = next(arm for arm in ratios if arm.startswith("multilora") and arm.endswith("none"))
    assert ratios[bare].pairs == 2
    assert "of the same traces but for the adapters" in finding(comparison)
    gate = Condition.parse(f"ratio({ours}/{theirs}, {METRIC}) < 1.2")
    assert not gate.evaluate(comparison).holds


def test_with_and_without_may_be_sweeps_of_their_own(sweep: Path, tmp_path: Path) -> None:
    for which in ("eight", "none"):
        for run in sweep.glob(f"*{which}?"):
            (tmp_path / which).mkdir(exist_ok=True)
            run.rename(tmp_path / which / run.name)
    sources = [tmp_path / "eight", tmp_path / "none"]
    comparison = assemble(sources, baseline="llama_cpp adapters=none", by=["adapters"])
    assert comparison.verdicts["llama_cpp adapters=5"].ratio.pairs == 3


def test_unasked_they_are_never_paired(sweep: Path) -> None:
    comparison = assemble([sweep], baseline="llama_cpp")
    (verdict,) = comparison.verdicts.values()
    assert verdict.ratio.mean == pytest.approx(2.0)
    assert {dict(cell.condition)["adapters.name"] for cell in comparison.cells} == {
        "trained",
        "none",
    }


def test_runs_with_the_same_adapters_cant_be_told_apart_by_them(
    tmp_path: Path, make_run: MakeRun
) -> None:
    for engine in ("multilora", "llama_cpp"):
        make_run(tmp_path / "sweep" / engine, engine)
    with pytest.raises(UsageError, match="--by adapters"):
        assemble([tmp_path / "sweep"], by=["adapters"])
