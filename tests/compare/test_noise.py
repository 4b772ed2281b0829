"""One engine entered twice, and the order in which runs were made."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.pairs import pairs, parted
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.export import document
from pipeline.compare.report.headline import finding
from pipeline.compare.run import Run
from pipeline.tracking.run_directory import RunDirectory

MakeRun = Callable[..., Path]
MakeSweep = Callable[..., Path]
METRIC = "output_tokens_per_s"


def doubled(path: Path, make_run: MakeRun, speeds: list[tuple[str, int, float]]) -> Comparison:
    """A folder of runs: engine, repeat and tokens a second, in the order they were made."""
    for number, (engine, repeat, speed) in enumerate(speeds):
        make_run(path / str(number), engine, repeat=repeat, metrics={METRIC: speed})
        run = RunDirectory(path / str(number))
        started = f"2026-11-24T12:{number:02}:00+00:00"
        run.write_status(replace(run.status(), started=started))
    return assemble([path])


AA = [
    *(("merged", 0, 100.0), ("multilora", 0, 200.0), ("merged", 0, 102.0)),
    *(("merged", 1, 80.0), ("multilora", 1, 160.0), ("merged", 1, 80.0)),
    *(("merged", 2, 90.0), ("multilora", 2, 182.0), ("merged", 2, 89.0)),
]


def test_an_engine_entered_twice_shows_the_noise_floor(tmp_path: Path, make_run: MakeRun) -> None:
    comparison = doubled(tmp_path, make_run, AA)
    (twins,) = comparison.twins
    assert (twins.arm, twins.twin) == ("merged", "merged (2)")
    low, high = twins.ratio.interval or (0, 0)
    assert twins.floor == max(high - 1, 1 - low)
    assert document(comparison)["noise"][0]["floor"] == twins.floor
    said = finding(comparison).replace("\u00a0", " ")
    assert said.startswith("multilora makes 2.0")
    assert "merged entered twice differs from itself by 1.00 ×" in said
    assert "are noise here" in said
    assert not any("differs from itself" in each for each in cautions(comparison))


def test_a_bias_between_twins_is_a_warning(tmp_path: Path, make_run: MakeRun) -> None:
    biased = [("merged", r, 100.0 + r + 10 * twice) for r in range(3) for twice in (0, 1)]
    assert any(
        "differs from itself" in each for each in cautions(doubled(tmp_path, make_run, biased))
    )


@pytest.mark.parametrize("change", ["engine", "commit", "sweep"])
def test_what_differs_in_more_than_its_time_is_no_twin(
    tmp_path: Path, make_run: MakeRun, change: str
) -> None:
    one = make_run(tmp_path / "a" / "0", "merged")
    other = make_run(
        tmp_path / ("b" if change == "sweep" else "a") / "1",
        "llama_cpp" if change == "engine" else "merged",
    )
    if change == "commit":
        RunDirectory(other).write_json("environment.json", {"git": {"commit": "another"}})
    assert assemble([one, other], tmp_path / "page.html").twins == ()


def runs_made(*made: tuple[str, int]) -> tuple[list[Run], list[Run]]:
    """Runs of arms a and b in the order they were made, by arm."""
    arms: dict[str, list[Run]] = {"a": [], "b": []}
    for minute, (arm, repeat) in enumerate(made):
        started = f"2026-11-24T12:{minute:02}:00+00:00"
        arms[arm].append(
            Run(
                Path("r"), "FINISHED", {"repeat": repeat},
                validity="VALID", trace="t", started=started,
            )
        )  # fmt: skip
    return arms["a"], arms["b"]


@pytest.mark.parametrize(
    ("made", "apart"),
    [
        ([("a", 0), ("b", 0), ("a", 1), ("b", 1)], 0),
        ([("a", 0), ("b", 0), ("b", 1), ("a", 1)], 0),
        ([("a", 0), ("a", 1), ("b", 0), ("b", 1)], 2),
        ([("a", 0), ("b", 0), ("a", 1), ("b", 2), ("b", 1)], 1),
        ([("a", 0), ("b", 0)], 0),
    ],
)
def test_pairs_with_other_repeats_between_them_are_counted(
    made: list[tuple[str, int]], apart: int
) -> None:
    first, second = runs_made(*made)
    assert parted(pairs(second, first), first + second) == apart


def test_runs_that_were_not_interleaved_are_a_warning(tmp_path: Path, make_run: MakeRun) -> None:
    speeds = [(engine, r, 50.0 + r) for engine in ("merged", "multilora") for r in range(3)]
    (said, *_) = cautions(doubled(tmp_path, make_run, speeds))
    assert said.startswith("3 of 3 pairs had runs of other repeats between them")
    interleaved = sorted(speeds, key=lambda each: each[1])
    said = " ".join(cautions(doubled(tmp_path / "other", make_run, interleaved)))
    assert "between them" not in said


def test_an_order_that_was_not_drawn_is_a_warning(tmp_path: Path, make_sweep: MakeSweep) -> None:
    path = make_sweep(tmp_path / "s", alphas=(1.0,), batches=(4,), repeats=(0, 1, 2))
    assert not any("shuffle" in each for each in cautions(assemble([path])))
    for run in path.glob("*/config.yaml"):
        run.write_text(run.read_text() + "shuffle: null\n")
    (said,) = [each for each in cautions(assemble([path])) if "shuffle" in each]
    assert said.startswith("engines ran in the same order each time (shuffle=null)")


def test_an_arm_that_changes_with_the_repeat_is_a_warning(
    tmp_path: Path, make_run: MakeRun
) -> None:
    for repeat, factor in enumerate((1.0, 1.2, 0.9, 1.1)):
        for alpha in range(3):
            noise = 1 + (3 * repeat + 2 * alpha) % 5 / 100
            for engine, speed in (("merged", 50.0), ("multilora", 50.0 * factor * noise)):
                of = dict(alpha=float(alpha), repeat=repeat, metrics={METRIC: speed})
                make_run(tmp_path / f"{engine}{repeat}{alpha}", engine, **of)
    found = cautions(assemble([tmp_path]))
    (said,) = [each for each in found if "F test" in each]
    assert said.startswith("multilora does better in some repeats than in others")


def test_few_and_noisy_repeats_are_a_warning(tmp_path: Path, make_run: MakeRun) -> None:
    noisy = [("peft_hotswap", 0, 50.0), ("peft_hotswap", 1, 80.0)]
    said = cautions(doubled(tmp_path, make_run, noisy))
    assert any("too few repeats: 2" in each for each in said)
    assert any("in 1 of 1 configurations: by 33% in peft_hotswap" in each for each in said)
    quiet = [("peft_hotswap", n, 50.0) for n in range(3)]
    assert cautions(doubled(tmp_path / "quiet", make_run, quiet)) == []


def test_noisy_cells_are_one_line_with_the_noisiest_first(
    tmp_path: Path, make_run: MakeRun
) -> None:
    engines = ("peft_hotswap", "merged", "llama_cpp", "multilora")
    speeds = [
        (engine, repeat, 50.0 + 10 * number * repeat)
        for repeat in range(3)
        for number, engine in enumerate(engines, 1)
    ]
    (said,) = [each for each in cautions(doubled(tmp_path, make_run, speeds)) if "varies" in each]
    assert "in 4 of 4 configurations: by 44% in multilora" in said
    assert said.endswith(" and 1 more") and "peft_hotswap" not in said


def test_a_slow_first_iteration_is_a_warning(tmp_path: Path, make_run: MakeRun) -> None:
    comparison = doubled(tmp_path, make_run, [("peft_hotswap", n, 50.0) for n in range(3)])
    run = RunDirectory(tmp_path / "1")
    (whole,) = run.iterations()
    assert cautions(comparison) == []
    (run.path / "iterations.jsonl").unlink()
    for index, seconds in enumerate((1.5, 1.0, 1.01)):
        run.append(replace(whole, index=index, started=0.0, ended=seconds), [])
    (said,) = cautions(comparison)
    assert "first iteration was the slowest" in said
    assert run.path.name in said
