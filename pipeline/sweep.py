"""Jobs in order: skip what is finished, run what is not, compare at the end."""

import random
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipeline.attempt import attempt, finished
from pipeline.capacity import search
from pipeline.errors import UsageError
from pipeline.job import Job, now
from pipeline.summary import print_summary
from pipeline.tracking.files import write_json
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
    for job in running_order(jobs):
        console.print(f"[{job.number + 1}/{job.total}] {job.label}", markup=False)
        if finished(job.directory):
            console.print("  already FINISHED; skipped")
            ended.append(job.directory.status())
            continue
        ended.append(_start(job, f"{sweep.id}/{job.number}", console))
    _compare(root, console)
    _show_elsewhere(tracker, root, console, sweep=True)
    unfinished = [status for status in ended if status.state is not State.FINISHED]
    if unfinished:
        console.print(f"{len(unfinished)} of {len(jobs)} jobs did not finish; to run only those:")
        console.print(f"  the same command with hydra.sweep.dir={root}", soft_wrap=True)
    return 1 if unfinished else 0


def running_order(jobs: Sequence[Job]) -> list[Job]:
    """Repeat by repeat, so that engines interleave and the machine's drift cancels in pairs.

    With `shuffle=SEED`, each repeat in an order of its own: drift within a repeat then favours no
    engine twice. The same seed gives the same order, so a sweep goes on as it began.
    """
    blocks: dict[int, list[Job]] = {}
    for job in jobs:
        blocks.setdefault(job.config.repeat, []).append(job)
    for repeat, block in blocks.items():
        if (seed := block[0].config.shuffle) is not None:
            random.Random(f"{seed}/{repeat}").shuffle(block)
    return [job for _, block in sorted(blocks.items()) for job in block]


BESIDE = ("limits", "isolation", "tracking", "paths", "shuffle")
"""Sections that don't decide what is measured: a job may be redone with, say, more memory."""


def refuse_strangers(jobs: Sequence[Job]) -> None:
    """Refuse to go on in a directory that holds other runs.

    Raises:
        UsageError: a job's directory holds a run of another configuration.
    """
    for job in jobs:
        known = job.directory.config() if job.directory.has("config.yaml") else job.values
        if any(known.get(key) != job.values.get(key) for key in {*known, *job.values} - {*BESIDE}):
            raise UsageError(
                f"{job.directory.path}: holds a run of another configuration; "
                "give the same overrides again, or another directory"
            )


def _sheet(jobs: Sequence[Job], root: Path) -> SweepDirectory:
    if not is_sweep(root):
        sheet = {
            "id": str(uuid.uuid4()),
            "command": " ".join(["python -m pipeline", *sys.argv[1:]]),
            "started": now(),
            "order": [job.number for job in running_order(jobs)],
            "jobs": [
                {"path": job.directory.path.name, "overrides": list(job.overrides)} for job in jobs
            ],
        }
        write_json(root / SHEET, sheet)
    return SweepDirectory.read(root)


def _start(job: Job, id_: str, console: Console) -> Status:
    status = search(job, id_, console) if job.config.capacity else attempt(job, id_)
    print_summary(job.directory, console)
    return status


def _compare(root: Path, console: Console) -> None:
    from pipeline.compare import compare, print_cautions, print_table

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
