"""Two runs that differ in more than the engine: what table, page and numbers say of them."""

from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.compare.__main__ import main
from pipeline.compare.cells import place
from pipeline.compare.comparison import Comparison, assemble
from pipeline.compare.gate import Condition
from pipeline.compare.report.cautions import cautions
from pipeline.compare.report.export import document
from pipeline.compare.report.headline import finding
from pipeline.compare.report.page import page
from pipeline.compare.report.table import print_table
from pipeline.compare.run import Run
from pipeline.errors import UsageError
from pipeline.files.documents import read_json, write_json

MakeRun = Callable[..., Path]
MakeSweep = Callable[..., Path]
Make = Callable[..., Comparison]

ZEN_4 = {"cpu": {"model_number": 17, "flags": ["avx2", "avx512f", "fma"]}}
OTHER_ID = {"machine_id": "fedcba9876543210"}
CLEAN = {"git": {"dirty": False}}

UNLIKE: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "threads": ({"threads": 1}, "threads 1 against 2"),
    "affinity": ({"cpu": {"affinity": [0]}}, "affinity 0 against 0-1"),
    "isa": ({"backend": {"instruction_set": "AVX-512"}}, "isa AVX-512 against AVX2"),
    "versions": ({"versions": {"torch": "2.12.0"}}, "torch 2.12.0 against 2.13.0"),
    "python": ({"python": "3.12.1"}, "python 3.12.1 against 3.11.4"),
    "commit": ({"git": {"commit": "f" * 40, "dirty": False}}, "commit fffffff against 0123456+"),
    "changes": ({"git": {"dirty": False}}, "commit 0123456 against 0123456+changes"),
    "model": ({"hashes": {"model": "f" * 64}}, "model files fffffff against files 0000000"),
    "adapters": ({"hashes": {"adapters": "f" * 64}}, "adapters files fffffff against files"),
    "questions": ({"hashes": {"questions": "f" * 64}}, "questions files fffffff against files"),
    "variables": ({"thread_variables": {"OMP_PROC_BIND": "true"}}, "OMP_PROC_BIND true against"),
}
"""What another run may differ in, and what is said beside its ratio."""


@pytest.fixture
def made(tmp_path: Path, make_run: MakeRun) -> Make:
    """Compares three repeats of two engines, the second under the circumstances given."""

    def make(
        circumstances: Mapping[str, Any], by: tuple[str, ...] = (), **other: Any
    ) -> Comparison:
        usual = {"thread_variables": {"OMP_PROC_BIND": None}}
        for repeat in range(3):
            folder = tmp_path / "sweep"
            make_run(folder / f"a{repeat}", "merged", repeat=repeat, circumstances=usual)
            changed = {**usual, **circumstances}
            options = {"engine": "multilora", "repeat": repeat, "circumstances": changed} | other
            make_run(folder / f"b{repeat}", **options)
        return assemble([tmp_path / "sweep"], by=by)

    return make


def printed(comparison: Comparison) -> str:
    """The table as text."""
    console = Console(width=200, record=True, file=StringIO())
    print_table(comparison, console)
    return console.export_text()


@pytest.mark.parametrize("what", UNLIKE)
def test_what_differs_unasked_is_named_beside_the_ratio(what: str, made: Make) -> None:
    circumstances, said = UNLIKE[what]
    comparison = made(circumstances)
    (text,) = comparison.verdicts["multilora"].ratio.unlike
    assert text.startswith(said)
    assert f"(unlike: {said}" in finding(comparison)
    assert "(3) ≠" in printed(comparison) and f"≠ multilora: {said}" in printed(comparison)
    whole = document(comparison)
    assert whole["overall"]["multilora"]["unlike"] == (text,)
    assert [row["ratio"]["unlike"] for row in whole["rows"] if row["ratio"]] == [(text,)]


def test_the_page_names_it_beneath_the_ratio(made: Make) -> None:
    html = page(made({"threads": 1}))
    assert '<small class="doubt">≠ threads 1 against 2</small>' in html
    assert "Some CPU @ 2.50GHz (family 25, model 1, stepping 1)" in html
    assert "torch, AVX2, torch 2.13.0" in html and "id 0123456789abcdef" in html


def test_like_circumstances_are_not_mentioned(made: Make) -> None:
    comparison = made({})
    assert comparison.verdicts["multilora"].ratio.unlike == ()
    assert "≠" not in printed(comparison) and "unlike" not in finding(comparison)


def test_what_only_one_of_them_recorded_is_not_known_to_differ(made: Make) -> None:
    assert made({"backend": None, "git": None}).verdicts["multilora"].ratio.unlike == ()


def test_outputs_of_another_length_are_named(made: Make) -> None:
    """Sampled runs end where they happen to end."""
    comparison = made({}, metrics={"output_tokens": 640.0})
    assert comparison.verdicts["multilora"].ratio.unlike == ()
    for run in (run for run in comparison.runs if run.arm == "merged"):
        run.metrics["output_tokens"] = 812.0  # type: ignore[index]
    again = Comparison(comparison.runs, "merged", comparison.report)
    assert again.verdicts["multilora"].ratio.unlike == ("output tokens 640 against 812",)


@pytest.mark.parametrize(
    "machine", [ZEN_4, OTHER_ID, {"hostname": "x"}, {"memory": {"total_bytes": 8 * 2**30}}]
)
def test_runs_of_two_machines_are_never_paired(machine: Mapping[str, Any], made: Make) -> None:
    """Both are called `some-host` with the same name of a processor."""
    comparison = made(machine)
    assert comparison.verdicts == {}
    assert "machine" in comparison.columns
    (said,) = [each for each in cautions(comparison) if "different machines" in each]
    assert "multilora and merged ran on different machines" in said and "--by machine" in said
    machines = {dict(run.condition)["machine"] for run in comparison.runs}
    assert len(machines) == 2 and all(each in printed(comparison) for each in machines)


def test_machines_that_both_ran_everything_are_paired_each_with_itself(
    tmp_path: Path, make_run: MakeRun
) -> None:
    for name, circumstances in (("one", {}), ("two", ZEN_4)):
        for engine in ("merged", "multilora"):
            folder = tmp_path / name / engine
            make_run(folder, engine, circumstances=circumstances)
    comparison = assemble([tmp_path / "one", tmp_path / "two"])
    assert comparison.arms == ("merged", "multilora")
    assert comparison.verdicts["multilora"].ratio.pairs == 2
    assert not any("different machines" in each for each in cautions(comparison))


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        ({"hostname": "x"}, ["some-host", "x"]),
        ({"cpu": {"model": "Other", "family": 6}}, ["some-host, Some CPU", "some-host, Other"]),
        (OTHER_ID, ["some-host, 012345", "some-host, fedcba"]),
        ({"memory": {"total_bytes": 8 * 2**30}}, ["some-host, 012345", "some-host, 012345 (2)"]),
    ],
)
def test_a_machine_is_called_by_what_tells_it_from_the_others(
    machine: Mapping[str, Any], names: list[str], made: Make
) -> None:
    called = dict.fromkeys(dict(run.condition)["machine"] for run in made(machine).runs)
    assert [each.startswith(name) for each, name in zip(called, names, strict=True)] == [True, True]


def test_machines_are_called_by_what_is_known_and_every_run_is_told_where_it_was_made(
    tmp_path: Path, make_run: MakeRun
) -> None:
    """A run of before recorded no numbers of its processor; an INVALID run has a machine, too."""
    unknown = dict.fromkeys(("vendor", "family", "model_number", "stepping"))
    make_run(tmp_path / "0", circumstances={"cpu": unknown, "machine_id": None})
    for repeat, reasons in enumerate(((), ("starved",))):
        make_run(tmp_path / f"{1 + repeat}", repeat=repeat, reasons=reasons)
    before, now, starved = assemble([tmp_path]).runs
    assert dict(before.condition)["machine"] == "some-host"
    assert dict(now.condition)["machine"] == dict(starved.condition)["machine"]
    assert "None" not in dict(now.condition)["machine"]


def test_machines_that_are_compared_name_the_arms(made: Make) -> None:
    comparison = made(ZEN_4, by=("machine",), engine="merged")
    first, second = comparison.arms
    assert (first, second) == (
        "merged machine=some-host, model 1",
        "merged machine=some-host, model 17",
    )
    assert comparison.verdicts[second].ratio.pairs == 3
    assert comparison.verdicts[second].ratio.unlike == ()
    assert "machine" not in comparison.columns


@pytest.mark.parametrize(
    ("by", "arms"),
    [
        ("threads", ("threads=2", "threads=1")),
        ("affinity", ("affinity=0-1", "affinity=0")),
        ("isa", ("isa=AVX2", "isa=AVX-512")),
        ("versions", ("torch=2.13.0", "torch=2.12.0")),
        ("commit", ("commit=0123456+changes", "commit=fffffff")),
    ],
)
def test_circumstances_that_are_compared_name_the_arms(
    by: str, arms: tuple[str, str], made: Make
) -> None:
    comparison = made(UNLIKE[by][0], by=(by,), engine="merged")
    assert comparison.arms == tuple(f"merged {arm}" for arm in arms)
    assert comparison.verdicts[comparison.arms[1]].ratio.unlike == ()
    assert comparison.twins == ()


def test_threads_that_were_swept_alone_are_what_is_compared() -> None:
    def run(engine: str, threads: int) -> Run:
        settings = {"engine.name": engine, "threads": threads}
        path, recorded = Path(f"s/{engine}{threads}"), {"threads": threads}
        return Run(path, "FINISHED", settings, validity="VALID", environment=recorded)

    alone = place([run("a", 1), run("a", 2)])
    assert [each.arm for each in alone] == ["a threads=1", "a threads=2"]
    assert {each.condition for each in alone} == {()}
    several = place([run(engine, threads) for engine in "ab" for threads in (1, 2)])
    assert {each.arm for each in several} == {"a", "b"}
    assert {each.condition for each in several} == {(("threads", 1),), (("threads", 2),)}


def test_a_comparison_by_what_does_not_differ_is_refused(
    made: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="--by threads: the runs that count don't differ in it"):
        made({}, by=("threads",))
    assert main([str(tmp_path / "sweep"), "--by", "affinity"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_one_engine_entered_twice_under_unlike_circumstances_is_no_twin(made: Make) -> None:
    """As one arm under `taskset -c 0` was: "differs from itself by 0.24 times"."""
    comparison = made({"threads": 1, "cpu": {"affinity": [0]}}, engine="merged")
    assert comparison.twins == ()
    said = "(unlike: threads 1 against 2, affinity 0 against 0-1)"
    assert said in finding(comparison)
    assert made({}, engine="merged").twins != ()


def test_repeats_of_one_configuration_under_unlike_circumstances_are_a_caution(
    tmp_path: Path, make_run: MakeRun
) -> None:
    """Two commits within one sweep: pairs are alike, means are not."""
    for repeat in range(3):
        later = {"git": {"commit": "f" * 40, "dirty": False}} if repeat else {}
        for engine in ("merged", "multilora"):
            folder = tmp_path / f"{engine}{repeat}"
            make_run(folder, engine, repeat=repeat, circumstances=later)
    comparison = assemble([tmp_path])
    assert comparison.verdicts["multilora"].ratio.unlike == ()
    (said,) = [each for each in cautions(comparison) if "repeats were made" in each]
    assert "merged, alpha 1, batch 4: commit 0123456+changes, fffffff" in said


@pytest.mark.parametrize(("given", "said"), [(None, "affinity 1 against 0"), (1, None)])
def test_which_processors_a_launcher_gave_is_no_other_circumstance(
    given: int | None, said: str | None, tmp_path: Path, make_sweep: MakeSweep
) -> None:
    """Four jobs of one processor each, on a machine of two."""
    chosen = {
        job: {"circumstances": {"cpu": {"affinity": [int(job in (1, 2))]}}} for job in range(4)
    }
    sweep = make_sweep(
        tmp_path / "sweep", alphas=(1.0,), batches=(4,), repeats=(0, 1), broken=chosen
    )
    write_json(sweep / "sweep.json", read_json(sweep / "sweep.json") | {"cpus": given})
    comparison = assemble([sweep])
    (other,) = comparison.verdicts.values()
    assert [each.startswith(said or "") for each in other.ratio.unlike] == [True] * bool(said)
    mixed = [each for each in cautions(comparison) if "affinity 0, 1" in each]
    assert len(mixed) == bool(said)


def test_more_processors_than_a_launcher_gave_others_are_another_circumstance(
    tmp_path: Path, make_sweep: MakeSweep
) -> None:
    """A sweep that went on with twice as many for each job."""
    chosen = {job: {"circumstances": {"cpu": {"affinity": [0]}}} for job in (0, 1)}
    sweep = make_sweep(
        tmp_path / "sweep", alphas=(1.0,), batches=(4,), repeats=(0, 1), broken=chosen
    )
    write_json(sweep / "sweep.json", read_json(sweep / "sweep.json") | {"cpus": 2})
    (said,) = [each for each in cautions(assemble([sweep])) if "repeats were made" in each]
    assert "affinity any 1, any 2" in said


def test_a_starved_run_and_one_without_native_kernels_are_shown_and_not_compared(
    tmp_path: Path, make_run: MakeRun
) -> None:
    starved = "starved: cpu_utilisation is 0.08, below validity.min_utilisation=0.25"
    plain = "engine=multilora computed in plain PyTorch, far slower: no C++ compiler"
    make_run(tmp_path / "0", "merged")
    make_run(tmp_path / "1", "multilora", reasons=(starved,))
    make_run(tmp_path / "2", "llama_cpp", reasons=(plain,))
    comparison = assemble([tmp_path])
    assert comparison.verdicts == {}
    text = printed(comparison)
    assert f"/1: {starved}" in text and f"/2: {plain}" in text
    assert starved in page(comparison) and "no C++ compiler" in page(comparison)
    verdicts = {row["arm"]: (row["verdict"], row["why"]) for row in document(comparison)["rows"]}
    assert verdicts["multilora"] == ("INVALID", starved)


def test_strained_runs_say_so_once(tmp_path: Path, make_run: MakeRun) -> None:
    for repeat in range(5):
        said = f"cpu_utilisation is 0.6{repeat}, below validity.caution_utilisation=0.8"
        make_run(tmp_path / f"{repeat}", "merged", repeat=repeat, cautions=(said,))
    (found,) = [each for each in cautions(assemble([tmp_path])) if "cpu_utilisation" in each]
    assert "and 2 more: cpu_utilisation is 0.60" in found and "the like of 4 more" in found


def test_runs_of_before_are_paired_with_their_like_and_say_so(made: Make) -> None:
    cpu = {name: None for name in ("vendor", "family", "model_number", "stepping", "affinity")}
    old = {"machine_id": None, "hostname": "vm", "cpu": cpu}
    comparison = made(old, engine="multilora")
    assert comparison.verdicts == {}
    (said,) = [each for each in cautions(comparison) if "no record of the processor" in each]
    assert "told apart by their names alone" in said


GATE = Condition.parse("ratio(multilora/merged, output_tokens_per_s) < 1.0")


def test_a_gate_over_two_machines_cannot_be_evaluated(made: Make) -> None:
    with pytest.raises(UsageError, match="have the same trace, repeat and machine"):
        GATE.evaluate(made(ZEN_4))


def test_a_gate_says_what_else_differs(made: Make) -> None:
    found = GATE.evaluate(made({"threads": 1}))
    assert found.said.endswith("; unlike: threads 1 against 2")
