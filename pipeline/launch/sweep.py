"""Jobs in order: skip what is finished, run what is not, compare at the end."""

import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.files import read_json, write_json
from pipeline.launch.attempt import attempt, finished
from pipeline.launch.capacity import search
from pipeline.launch.job import Job, now
from pipeline.launch.summary import print_summary
from pipeline.order import running_order
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.tracking.sweep_directory import SHEET, SweepDirectory, is_sweep
from pipeline.tracking.tracker import Tracker, TrackingUnavailable


def run_single(job: Job, console: Console) -> int:
    """Run one job, show it, and return the exit code."""
    status = _start(job, str(uuid.uuid4()), console)
    _show_elsewhere(job.config.tracking.tracker(), job.directory.path, console, sweep=False)
    return 0 if status.state is State.FINISHED else 1


def run_sweep(jobs: Sequence[Job], root: Path, console: Console) -> int:
    """Run what is missing of a sweep, compare, show it, and return the exit code."""
    sweep = _sheet(jobs, root)
    tracker = jobs[0].config.tracking.tracker()
    ended = []
    for job in in_order(jobs):
        console.print(f"[{job.number + 1}/{job.total}] {job.label}", markup=False)
        if finished(job.directory):
            console.print("  already FINISHED; skipped")
            ended.append(job.directory.status())
            continue
        ended.append(_start(job, f"{sweep.id}/{job.directory.path.name}", console))
    _compare(root, console)
    _show_elsewhere(tracker, root, console, sweep=True)
    unfinished = [status for status in ended if status.state is not State.FINISHED]
    if unfinished:
        console.print(f"{len(unfinished)} of {len(jobs)} jobs did not finish; to run only those:")
        console.print(f"  the same command with hydra.sweep.dir={root}", soft_wrap=True)
    return 1 if unfinished else 0


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """Jobs as they run: a block is what is asked of every engine, in one repeat."""
    blocks = [(job.config.repeat, _asked(job)) for job in jobs]
    return [jobs[number] for number in running_order(blocks, jobs[0].config.shuffle)]


def _asked(job: Job) -> str:
    """What decides the trace, as text."""
    model = dict(job.values["model"])
    model.pop("quantization", None)
    return json.dumps([job.values["workload"], job.values["adapters"], model], sort_keys=True)


def _sheet(jobs: Sequence[Job], root: Path) -> SweepDirectory:
    """Write down what was asked for, and in which order it runs.

    A sweep that goes on keeps its name, and the runs that this time aren't asked for.
    """
    before: dict[str, Any] = read_json(root / SHEET) if is_sweep(root) else {"jobs": []}
    listed = {job["path"]: job["overrides"] for job in before["jobs"]}
    begun = {path for path in listed if RunDirectory(root / path).has("config.yaml")}
    asked = {job.directory.path.name: list(job.overrides) for job in jobs}
    kept = {path: listed[path] for path in listed if path in begun - {*asked}}
    paths = [*asked, *kept]
    ran = [before["jobs"][number]["path"] for number in before.get("order", ())]
    yet = [job.directory.path.name for job in in_order(jobs)]
    order = dict.fromkeys([*(path for path in ran if path in begun), *kept, *yet])
    command = " ".join(["python -m pipeline", *sys.argv[1:]])
    sheet = {
        "id": before.get("id", str(uuid.uuid4())),
        "command": before["command"] if kept else command,
        "started": before.get("started", now()),
        "shuffle": jobs[0].config.shuffle,
        "order": [paths.index(path) for path in order],
        "jobs": [{"path": path, "overrides": each} for path, each in (asked | kept).items()],
    }
    write_json(root / SHEET, sheet)
    return SweepDirectory.read(root)


def _start(job: Job, id_: str, console: Console) -> Status:
    status = search(job, id_, console) if job.config.capacity else attempt(job, id_)
    print_summary(job.directory, console)
    return status


def _compare(root: Path, console: Console) -> None:
    from pipeline.compare.cautions import print_cautions
    from pipeline.compare.report import compare  # matplotlib: slow to import, needed here alone
    from pipeline.compare.table import print_table

    comparison = compare([root])
    print_table(comparison, console)
    print_cautions(comparison, console)


def _show_elsewhere(tracker: Tracker, path: Path, console: Console, *, sweep: bool) -> None:
    try:
        (tracker.project_sweep if sweep else tracker.project)(path)
    except TrackingUnavailable as error:
        console.print(f"not in MLflow: {error}", soft_wrap=True, markup=False)
        console.print(f"  everything is in {path}", soft_wrap=True)
        console.print(f"  later: python -m pipeline.tracking.sync {path}", soft_wrap=True)
        return
    if message := tracker.close_message():
        console.print(message, soft_wrap=True, markup=False)
