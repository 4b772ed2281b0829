"""What is wrong with a sweep's directory and with what MLflow shows of it; a line each."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from pipeline.tracking.lock import LOCK
from pipeline.tracking.recompute import main as recompute
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.tracking.sweep_directory import SweepDirectory

FINAL = {state.value for state in State} - {"RUNNING"}


def doubled(sweep: Path) -> Iterator[str]:
    """Rows that stand twice, or that no trace has, in any attempt; attempts without a last word."""
    for run in sorted(path.parent for path in sweep.rglob("requests.jsonl")):
        rows = RunDirectory(run).requests()
        often = [number for number, n in Counter(row.id for row in rows).items() if n > 1]
        if often:
            yield f"{run}: requests {often[:3]} stand more than once in {len(rows)} rows"
        asked = {json.loads(line)["id"] for line in (run / "trace.jsonl").read_text().splitlines()}
        if strange := {row.id for row in rows} - asked:
            yield f"{run}: {len(strange)} rows that its trace doesn't have"
    for status in sweep.glob("*/earlier/*/status.json"):
        said = json.loads(status.read_text())
        if said["state"] not in FINAL or str(said["attempt"]) != status.parent.name:
            yield f"{status}: {said['state']}, attempt {said['attempt']}"


def unfinished(sweep: Path, jobs: int) -> Iterator[str]:
    """What a sweep that has been run to its end lacks, or has too much of."""
    listed = SweepDirectory.read(sweep)
    if len(listed.jobs) != jobs:
        yield f"{sweep}: {len(listed.jobs)} jobs for {jobs}"
    folders = {path.name for path in sweep.iterdir() if (path / "config.yaml").is_file()}
    if folders != {*listed.jobs}:
        yield f"{sweep}: folders {sorted(folders)} for jobs {sorted(listed.jobs)}"
    told = Counter(_told(run) for run in listed.runs())
    if len(told) != jobs or max(told.values()) > 1:
        yield f"{sweep}: configurations {dict(told)}"
    for run in listed.runs():
        yield from _run(run)


def _told(run: RunDirectory) -> str:
    """What tells its configuration from the others'."""
    config = run.config()
    return f"{config['workload']['alpha']}, {config['threads']}, {config['repeat']}"


def _run(run: RunDirectory) -> Iterator[str]:
    status, trace = run.status(), run.json("trace.json")
    if status.state is not State.FINISHED:
        yield f"{run.path}: {status.state}, {status.cause}"
        return
    if len(run.requests()) != trace["requests"]:
        yield f"{run.path}: {len(run.requests())} rows for {trace['requests']} requests"
    earlier = run.path / "earlier"
    numbers = sorted(int(path.name) for path in earlier.iterdir()) if earlier.is_dir() else []
    if numbers != list(range(1, status.attempt)):
        yield f"{run.path}: attempt {status.attempt}, and {numbers} before it"
    if strays := [each.name for each in run.path.glob(".*") if each.name != LOCK]:
        yield f"{run.path}: left behind: {strays}"
    printed = StringIO()
    with redirect_stdout(printed):
        code = recompute([str(run.path)])
    if code:
        yield f"{run.path}: recomputed otherwise: {printed.getvalue()[:300]}"


def shown_wrongly(sweep: Path, uri: str) -> list[str]:
    """Runs that MLflow shows twice, or not, or in another state."""
    return list(_shown_wrongly(sweep, uri))


def _shown_wrongly(sweep: Path, uri: str) -> Iterator[str]:
    from mlflow import MlflowClient

    listed = SweepDirectory.read(sweep)
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("multi-lora")
    if experiment is None:
        yield f"{sweep}: MLflow has no experiment"
        return
    runs = client.search_runs([experiment.experiment_id], max_results=5000)
    shown = [run for run in runs if run.data.tags["pipeline.id"].startswith(listed.id)]
    ids = Counter(run.data.tags["pipeline.id"] for run in shown)
    wanted = {listed.id, *(run.status().id for run in listed.runs())}
    if {*ids} != wanted or max(ids.values(), default=0) > 1:
        yield f"{sweep}: MLflow shows {dict(ids)} for {sorted(wanted)}"
    others = {run.info.status for run in shown} - {"FINISHED"}
    if others:
        yield f"{sweep}: MLflow says {sorted(others)}"
