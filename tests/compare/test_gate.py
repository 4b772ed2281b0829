"""The regression gate: exit code 1 on a planted regression, 0 without one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.compare.__main__ import main
from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.gate import Condition, Finding
from pipeline.errors import UsageError

MakeRun = Callable[..., Path]
METRIC = "output_tokens_per_s"


def two_runs(path: Path, make_run: MakeRun, speed: float) -> list[str]:
    """Run directories of llama_cpp, at 100 tokens a second, and of multilora."""
    return [
        str(make_run(path / "old", "llama_cpp", metrics={METRIC: 100.0})),
        str(make_run(path / "new", "multilora", metrics={METRIC: speed})),
    ]


def repeated(path: Path, make_run: MakeRun, speeds: list[float]) -> Comparison:
    """Repeats of multilora at those speeds, each beside llama_cpp at 100."""
    for repeat, speed in enumerate(speeds):
        for engine, value in (("llama_cpp", 100.0), ("multilora", speed)):
            make_run(path / f"{engine}{repeat}", engine, repeat=repeat, metrics={METRIC: value})
    return assemble([path])


def evaluated(text: str, comparison: Comparison) -> Finding:
    """What a condition finds."""
    return Condition.parse(text).evaluate(comparison)


@pytest.mark.parametrize(("speed", "code"), [(120.0, 0), (90.0, 1)])
def test_a_planted_regression_fails_the_build(
    tmp_path: Path, make_run: MakeRun, speed: float, code: int
) -> None:
    command = [sys.executable, "-m", "pipeline.compare", *two_runs(tmp_path, make_run, speed)]
    gate = ["--fail-if", f"ratio(multilora/llama_cpp, {METRIC}) < 1.0"]
    done = subprocess.run([*command, *gate], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert ("FAIL  ratio" if code else "pass  ratio") in done.stdout
    assert "of one pair of runs, so without an interval" in done.stdout


def test_any_of_several_conditions_fails(tmp_path: Path, make_run: MakeRun) -> None:
    paths = two_runs(tmp_path, make_run, 120.0)
    holds, not_ = "multilora.token_agreement < 0.99", "multilora.token_agreement < 0.9"
    assert main([*paths, "--fail-if", not_]) == 0
    assert main([*paths, "--fail-if", not_, "--fail-if", holds]) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"ratio(nobody/llama_cpp, {METRIC}) < 1",
        "ratio(multilora/llama_cpp, no_such_metric) < 1",
        f"ratio_high(multilora/llama_cpp, {METRIC}) < 1",
        "multilora.no_such_metric < 1",
        "nobody.token_agreement < 1",
        "multilora < 1",
        "ratio(multilora) < 1",
        f"ratio(multilora/llama_cpp, {METRIC})",
        f"ratio(multilora/llama_cpp, {METRIC}) < fast",
        f"__import__('os').system('true')/{METRIC} < 1",
        "",
    ],
)
def test_what_cannot_be_evaluated_is_code_2(
    tmp_path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert main([*two_runs(tmp_path, make_run, 120.0), "--fail-if", text]) == 2
    said = capsys.readouterr().err
    assert said.startswith("--fail-if")
    assert said.count("\n") == 1


def test_runs_of_other_traces_are_not_compared(tmp_path: Path, make_run: MakeRun) -> None:
    make_run(tmp_path / "a", "llama_cpp")
    make_run(tmp_path / "b", "multilora", trace="another")
    with pytest.raises(UsageError, match="same trace"):
        evaluated(f"ratio(multilora/llama_cpp, {METRIC}) < 1", assemble([tmp_path]))


def test_the_mean_decides_and_the_interval_is_told(tmp_path: Path, make_run: MakeRun) -> None:
    unsure = repeated(tmp_path / "unsure", make_run, [90.0, 97.0, 104.0])
    found = evaluated(f"ratio(multilora/llama_cpp, {METRIC}) < 1.0", unsure)
    assert found.holds
    assert "the interval holds 1" in found.said
    assert not evaluated(f"ratio_high(multilora/llama_cpp, {METRIC}) < 1.0", unsure).holds
    assert evaluated(f"ratio_low(multilora/llama_cpp, {METRIC}) < 0.95", unsure).holds
    sure = repeated(tmp_path / "sure", make_run, [89.0, 90.0, 91.0])
    found = evaluated(f"ratio_high(multilora/llama_cpp, {METRIC}) < 1.0", sure)
    assert found.holds
    assert "the interval excludes 1" in found.said


@pytest.mark.parametrize(
    ("sign", "holds"), [("<", False), ("<=", True), (">", False), (">=", True)]
)
def test_signs(tmp_path: Path, make_run: MakeRun, sign: str, holds: bool) -> None:
    make_run(tmp_path / "run", "multilora", metrics={METRIC: 100.0})
    assert evaluated(f"multilora.{METRIC}{sign}1e2", assemble([tmp_path])).holds is holds


def test_arms_with_spaces_dots_and_parentheses(tmp_path: Path, make_run: MakeRun) -> None:
    for number, speed in enumerate((100.0, 110.0)):
        make_run(tmp_path / "v1.5" / str(number), "merged", metrics={METRIC: speed})
    same = assemble([tmp_path / "v1.5"])
    assert evaluated(f"ratio(merged (2)/merged, {METRIC}) > 1.09", same).holds
    make_run(tmp_path / "v1.6" / "0", "merged", metrics={METRIC: 50.0})
    versions = assemble([tmp_path / "v1.5" / "0", tmp_path / "v1.6"], tmp_path / "page.html")
    assert evaluated(f"ratio(merged @ v1.6/merged @ v1.5, {METRIC}) <= 0.5", versions).holds
    assert evaluated(f"merged @ v1.6.{METRIC} <= 50", versions).holds
    with pytest.raises(UsageError, match="name exactly one"):
        evaluated(f"merged.{METRIC} < 1", versions)
