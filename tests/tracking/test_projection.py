"""What is to be shown, worked out without MLflow."""

from collections.abc import Callable
from pathlib import Path

from pipeline.files.documents import write_json
from pipeline.tracking.figures import request_table
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.run_projection import of_run
from pipeline.tracking.status import State
from pipeline.tracking.sweep_directory import SweepDirectory
from pipeline.tracking.sweep_projection import of_sweep

MakeRun = Callable[..., RunDirectory]
MakeSweep = Callable[..., Path]


def test_a_finished_run(make_run: MakeRun) -> None:
    shown = of_run(make_run())
    assert (shown.key, shown.status) == ("id-run", "FINISHED")
    assert shown.name == "noop · \N{GREEK SMALL LETTER ALPHA} 1.0 · b 2 · r 0"
    assert shown.finished_ms == shown.started_ms + 60_000
    assert shown.params["popularity"] == "zipf" and "precision" not in shown.params
    assert shown.tags["trace_sha256"] == "ab" * 32 and shown.tags["git_commit"] == "c0ffee"
    assert shown.tags["mlflow.note.content"] == "**6 output tokens/s** · FINISHED · VALID"


def test_tags_group_repeats_and_the_trace_is_the_dataset(make_run: MakeRun) -> None:
    shown = of_run(make_run())
    assert shown.tags["arm"] == "noop"
    assert shown.tags["cell"] == "\N{GREEK SMALL LETTER ALPHA} 1.0 · b 2"
    assert shown.trace is not None
    assert shown.trace.name == "zipf · \N{GREEK SMALL LETTER ALPHA} 1.0 · b 2"
    assert shown.trace.sha256 == "ab" * 32 and shown.trace.digest == "ab" * 18


def test_a_sweep_says_what_its_comparison_found(make_sweep: MakeSweep) -> None:
    path = make_sweep((State.FINISHED, State.FINISHED))
    write_json(path / "comparison.json", {"headline": "noop made 6 output tokens/s."})
    note = of_sweep(SweepDirectory.read(path)).tags["mlflow.note.content"]
    assert note.startswith("**noop made 6 output tokens/s.**")


def test_metrics_are_numbers_with_legal_names_then_series(make_run: MakeRun) -> None:
    points = [(p.name, p.value, p.step) for p in of_run(make_run()).metrics]
    assert points == [
        ("output_tokens_per_s", 6.0, 0),
        ("iteration/latency_s", 1.0, 0),
        ("iteration/output_tokens_per_s", 6.0, 0),
        ("iteration/latency_s", 1.0, 1),
        ("iteration/output_tokens_per_s", 6.0, 1),
    ]


def test_a_failed_run_shows_its_cause_and_no_metrics(make_run: MakeRun) -> None:
    shown = of_run(make_run(state=State.TIMED_OUT, cause="900 s were up"))
    assert shown.status == "FAILED" and shown.metrics == ()
    assert shown.tags["state"] == "TIMED_OUT"
    assert shown.tags["mlflow.note.content"] == "TIMED_OUT · VALID\n\n900 s were up"


def test_a_run_that_died_before_it_wrote_anything(tmp_path: Path, make_run: MakeRun) -> None:
    run = make_run(state=State.FAILED)
    for name in ("config.yaml", "environment.json"):
        (run.path / name).unlink()
    assert of_run(run).params == {}
    assert request_table(run) == {}


def test_a_replayed_trace_has_no_laws(make_run: MakeRun) -> None:
    run = make_run()
    run.write_config("{engine: {name: noop}, workload: {name: replay, path: x}, repeat: 1}")
    shown = of_run(run)
    assert dict(shown.params) == {"engine": "noop", "repeat": "1"}
    assert shown.name == "noop · r 1"


def test_the_table_has_a_row_a_request(make_run: MakeRun) -> None:
    table = request_table(make_run())
    row = dict(zip(table["columns"], table["data"][0], strict=True))
    assert len(table["data"]) == 4
    assert row["ttft_s"] == 0.25 and row["tpot_s"] == 0.25 and row["e2e_s"] == 0.75
    assert (row["output_tokens"], row["adapter"], row["text"]) == (3, "a", "abc")


def test_a_sweep_is_as_its_jobs_are(make_sweep: MakeSweep) -> None:
    path = make_sweep((State.FINISHED, State.FAILED))
    shown = of_sweep(SweepDirectory.read(path))
    assert shown.name == "sweep · alpha"
    assert shown.started_ms < of_run(RunDirectory(path / "0")).started_ms
    assert shown.status == "RUNNING", "one job has not begun"
    assert shown.tags["mlflow.note.content"].endswith("3 jobs: 1 FINISHED, 1 FAILED")


ALPHA = "\N{GREEK SMALL LETTER ALPHA}"


def test_params_are_what_the_laws_took(make_run: MakeRun) -> None:
    """The alpha of its own; a batch only where requests come in batches."""
    run = make_run()
    run.write_config(
        "{engine: {name: noop}, workload: {popularity: {name: zipf, alpha: 2.0}, "
        "arrivals: {name: concurrency, concurrency: 8}}, repeat: 0}"
    )
    assert of_run(run).name == f"noop · {ALPHA} 2.0 · c 8 · r 0"
    run.write_config("{engine: {name: noop}, workload: {popularity: {name: uniform}}, repeat: 0}")
    assert of_run(run).name == "noop · r 0" and "alpha" not in of_run(run).params


def test_shared_settings_that_an_old_run_kept_and_no_law_took_are_no_params(
    make_run: MakeRun,
) -> None:
    run = make_run()
    run.write_config(
        "{engine: {name: noop}, workload: {name: generated, alpha: 1.0, batch_size: 8, "
        "popularity: {name: uniform}, arrivals: {name: concurrency, concurrency: 8}}, repeat: 0}"
    )
    assert of_run(run).name == "noop · c 8 · r 0"
    assert not {"alpha", "batch_size"} & {*of_run(run).params}
