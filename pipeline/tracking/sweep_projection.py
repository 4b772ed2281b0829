"""What MLflow is to show of a sweep, worked out without MLflow."""

from contextlib import suppress

from pipeline.errors import Unreadable
from pipeline.files.documents import read_json
from pipeline.tracking.projection import Projection, milliseconds, origin
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import UNREADABLE, State, Status
from pipeline.tracking.sweep_directory import SweepDirectory


def of_sweep(sweep: SweepDirectory) -> Projection:
    """The projection of a sweep: the run its jobs hang from."""
    statuses = [_status(run) for run in sweep.runs()]
    known = [status for status in statuses if status]
    states = [status.state.value if status else UNREADABLE for status in statuses]
    ends = [milliseconds(status.finished) for status in known if status.finished]
    counts = ", ".join(f"{states.count(s)} {s}" for s in (*State, UNREADABLE) if s in states)
    notes = (_found(sweep), f"`{sweep.command}`", f"{len(sweep.jobs)} jobs: {counts}")
    return Projection(
        key=sweep.id,
        name=" · ".join(["sweep", *filter(None, [", ".join(sweep.swept())])]),
        status=_overall(states, len(sweep.jobs)),
        started_ms=milliseconds(sweep.started),
        finished_ms=max(ends, default=None),
        tags={
            **origin(sweep.path, sweep.command, _commit(sweep)),
            "command": sweep.command,
            "mlflow.note.content": "\n\n".join(filter(None, notes)),
        },
    )


def _status(run: RunDirectory) -> Status | None:
    """How the job stands; None where its status is damaged."""
    try:
        return run.status()
    except Unreadable:
        return None


def _found(sweep: SweepDirectory) -> str | None:
    """What the comparison of its jobs says; None before there is one."""
    path = sweep.path / "comparison.json"
    try:
        headline = read_json(path).get("headline") if path.exists() else None
    except (Unreadable, AttributeError):
        return None
    return f"**{headline}**" if headline else None


def _overall(states: list[str], jobs: int) -> str:
    if len(states) < jobs or State.RUNNING in states:
        return "RUNNING"
    return "FINISHED" if set(states) <= {State.FINISHED} else "FAILED"


def _commit(sweep: SweepDirectory) -> str | None:
    """What the first job that says it was run with."""
    for run in sweep.runs():
        with suppress(Unreadable, AttributeError):
            if commit := run.json("environment.json").get("git", {}).get("commit"):
                return str(commit)
    return None
