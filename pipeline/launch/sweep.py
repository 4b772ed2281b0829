"""Jobs in order: skip what is finished, run what is not, compare at the end."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline.errors import UsageError
from pipeline.launch.attempt import identity
from pipeline.launch.growth import wants_more
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Launcher, Workplace
from pipeline.launch.launchers.local import Local
from pipeline.launch.manifest import write_manifest
from pipeline.launch.nodes_page import NodesPage
from pipeline.launch.order import in_order
from pipeline.launch.spread import spread
from pipeline.launch.summary import print_summary
from pipeline.launch.sweep_progress import SweepProgress
from pipeline.launch.turn import JobTurn
from pipeline.launch.waiting import Waiting
from pipeline.tracking.status import State
from pipeline.tracking.tracker import Tracker, TrackingUnavailable

if TYPE_CHECKING:
    from pipeline.compare.comparison import Comparison

HERE = Local()

Grow = Callable[[Sequence[Job]], list[Job]]
"""Gives jobs with those of one more repeat behind them."""


def run_single(job: Job, lock: int, launcher: Launcher, console: Console) -> int:
    """Run one job in its directory, which is held by `lock`; show it, and return the exit code."""
    tracker = job.config.tracking.tracker()
    id_ = identity(job.directory) or str(uuid.uuid4())
    with launcher.place() as place:
        place.tell = partial(Waiting(console).hear, job)
        turn = JobTurn(place.attempt, console, lambda job: print_summary(job.directory, console))
        status = turn.ran(job, id_, lock)
    _show_elsewhere(tracker, job.directory.path, console, sweep=False)
    return 0 if status.state is State.FINISHED else 1


def run_sweep(
    jobs: Sequence[Job],
    root: Path,
    console: Console,
    grown: Grow = lambda jobs: list(jobs),
    launcher: Launcher = HERE,
) -> int:
    """Run what is missing of a sweep, compare, show it, and return the exit code.

    Args:
        jobs: of the sweep, in their directories.
        root: the sweep's.
        console: where it is told what happens.
        grown: gives them with those of one more repeat behind them.
        launcher: where they run.
    """
    tracker = jobs[0].config.tracking.tracker()
    states = _run_in_turn(jobs, (), root, console, launcher)
    while wants_more(jobs, root, console):
        before, jobs = jobs, grown(jobs)
        states += _run_in_turn(jobs, before, root, console, launcher)
    comparison = _compare(root, console)
    if comparison and any(job.config.model.trained for job in jobs):
        _show_answers(comparison, console)
    _show_elsewhere(tracker, root, console, sweep=True)
    unfinished = [state for state in states if state is not State.FINISHED]
    if unfinished:
        console.print(f"{len(unfinished)} of {len(jobs)} jobs did not finish; to run only those:")
        console.print(f"  the same command with hydra.sweep.dir={root}", soft_wrap=True)
    return 1 if unfinished else 0


def _run_in_turn(
    jobs: Sequence[Job], before: Sequence[Job], root: Path, console: Console, launcher: Launcher
) -> list[State | None]:
    """Run a sweep's jobs but those that had their turn `before`; how each ended."""
    ordered = [*in_order(before), *in_order(jobs[len(before) :])] if before else in_order(jobs)
    sweep = write_manifest(jobs, ordered, root, console, launcher.cpus)
    turns = [replace(job, number=turn, total=len(jobs)) for turn, job in enumerate(ordered)]
    progress = SweepProgress(turns, console, launcher.places, len(before))

    def run(job: Job, place: Workplace) -> State | None:
        progress.begins(job, place.name if launcher.places > 1 else "")
        place.tell = partial(progress.waits, job)
        id_ = f"{sweep}/{job.directory.path.name}"
        try:
            return JobTurn(place.attempt, console, progress.ended).ran_or_left(job, id_)
        finally:
            progress.passed(job)

    if launcher.places == 1:
        return spread(turns[len(before) :], launcher, run)
    with NodesPage(progress, console) as page:
        return spread(turns[len(before) :], launcher, page.showing(run))


def _show_answers(comparison: "Comparison", console: Console) -> None:
    """What was said: where no model has learnt to say anything, nobody wants to read it."""
    from pipeline.compare.report.heard import print_samples

    print_samples(comparison, console)


def _compare(root: Path, console: Console) -> "Comparison | None":
    from pipeline.compare.comparison import assemble
    from pipeline.compare.report.cautions import print_cautions
    from pipeline.compare.report.page import write
    from pipeline.compare.report.table import print_table

    try:
        comparison = assemble([root])
        write(comparison)
    except UsageError as error:
        console.print(f"no comparison: {error}", markup=False, soft_wrap=True)
        return None
    print_table(comparison, console)
    print_cautions(comparison, console)
    return comparison


def _show_elsewhere(tracker: Tracker, path: Path, console: Console, *, sweep: bool) -> None:
    try:
        (tracker.project_sweep if sweep else tracker.project)(path)
    except (TrackingUnavailable, UsageError) as error:
        console.print(f"not in MLflow: {error}", soft_wrap=True, markup=False)
        console.print(f"  everything is in {path}", soft_wrap=True)
        console.print(f"  later: python -m pipeline.tracking.sync {path}", soft_wrap=True)
        return
    if message := tracker.close_message(path):
        console.print(message, soft_wrap=True, markup=False)
