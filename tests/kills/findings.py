"""What is wrong with a sweep's directory; a line each."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from pipeline.files.documents import read_json
from pipeline.launch.job import Job
from pipeline.stages.prepare import prepare
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
        asked = {each.id for each in RunDirectory(run).asked()}  # Whose trace may not be back yet.
        if asked and (strange := {row.id for row in rows} - asked):
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
        yield from _run(run, f"{listed.id}/{run.path.name}")
    compared = [(each["path"], each["verdict"]) for each in _compared(sweep)]
    if sorted(compared) != sorted((str(run.path), run.status().validity) for run in listed.runs()):
        yield f"{sweep}: compared {compared}"


def _compared(sweep: Path) -> list[dict[str, str]]:
    """The runs that its comparison is of; none where there is none."""
    path = sweep / "comparison.json"
    return [*read_json(path)["runs"]] if path.is_file() else []


def _told(run: RunDirectory) -> str:
    """What tells its configuration from the others'."""
    config = run.config()
    return f"{config['workload']['alpha']}, {config['threads']}, {config['repeat']}"


def _run(run: RunDirectory, id_: str) -> Iterator[str]:
    status, trace = run.status(), run.json("trace.json")
    if status.id != id_:
        yield f"{run.path}: holds the result of {status.id}"
    if status.state is not State.FINISHED:
        yield f"{run.path}: {status.state}, {status.cause}"
        return
    if len(run.requests()) != trace["requests"]:
        yield f"{run.path}: {len(run.requests())} rows for {trace['requests']} requests"
    yield from _another(run)
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


def _another(run: RunDirectory) -> Iterator[str]:
    """What of a result was not measured under the configuration beside it."""
    config = Job.stored(run).config
    if (found := run.json("trace.json")["sha256"]) != (asked := prepare(config).trace.sha256):
        yield f"{run.path}: of trace {found[:12]}, and its configuration draws {asked[:12]}"
    if (threads := run.json("environment.json")["threads"]) != config.compute_threads:
        yield f"{run.path}: computed with {threads} threads for {config.compute_threads}"
