"""What MLflow is to show of a run: plain values, worked out without MLflow."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import Unreadable
from pipeline.files import read_json
from pipeline.tracking.figures import Point, points
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.tracking.sweep_directory import SweepDirectory

PARAMS = {
    "engine": ("engine.name",),
    "precision": ("engine.precision",),
    "model": ("model.name",),
    "adapters": ("adapters.name",),
    "adapter_count": ("adapters.count",),
    "popularity": ("workload.popularity.name",),
    "arrivals": ("workload.arrivals.name",),
    "alpha": ("workload.popularity.alpha", "workload.alpha"),
    "batch_size": ("workload.arrivals.batch_size", "workload.batch_size"),
    "rate": ("workload.arrivals.rate",),
    "concurrency": ("workload.arrivals.concurrency",),
    "max_new_tokens": ("workload.lengths.max_new_tokens", "workload.max_new_tokens"),
    "threads": ("threads",),
    "repeat": ("repeat",),
    "profiler": ("profiler.name",),
}
"""Where in the configuration each param stands: the law's own value before the one that laws share.

One that is nowhere is left out: a configuration holds what its run read.
"""

MLFLOWS = (State.RUNNING, State.FINISHED, State.KILLED)
"""States that MLflow knows by the same name."""
COMMAND = "python -m pipeline"
UNREADABLE = "UNREADABLE"
"""What a sweep's description says of a job whose status is damaged."""

PASSING_TAGS = ("cause", "validity", "trace_sha256")
"""Tags that one attempt may have and the next may not."""


CELL = (
    ("\N{GREEK SMALL LETTER ALPHA}", "alpha"),
    ("b", "batch_size"),
    ("rate", "rate"),
    ("c", "concurrency"),
)
"""How the params that make up a cell are written in names, in that order."""

DIGEST = 36
"""Characters that MLflow allows a dataset's digest: as much of the trace's SHA-256 is shown."""


@dataclass(frozen=True)
class TraceInput:
    """The trace as MLflow's dataset, so that runs of equal traces can be found and grouped.

    Attributes:
        name: the law that drew it, or the file that was replayed.
        sha256: its whole hash.
        requests: how many it holds; None where the run doesn't say.
    """

    name: str
    sha256: str
    requests: int | None

    @property
    def digest(self) -> str:
        """The beginning of the hash."""
        return self.sha256[:DIGEST]


@dataclass(frozen=True)
class Projection:
    """One MLflow run.

    Attributes:
        key: the id it is found by, whatever MLflow calls it.
        name: what the list of runs shows.
        status: one of MLflow's own.
        started_ms: milliseconds since 1970.
        finished_ms: the same; None while it runs.
        params: few and flat.
        tags: what runs are searched by, and the description.
        metrics: of a finished run only. MLflow can't take a value back, so those of a failed
            attempt would stay among those of the next.
        trace: what was served; None of a sweep, and of a run that died before it had one.
    """

    key: str
    name: str
    status: str
    started_ms: int
    finished_ms: int | None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Point, ...] = ()
    trace: TraceInput | None = None


def of_run(run: RunDirectory) -> Projection:
    """The projection of one run directory, in whatever state it is."""
    status = run.status()
    params = _params(run.config() if run.has("config.yaml") else {})
    return Projection(
        key=status.id,
        name=_name(params),
        status=status.state if status.state in MLFLOWS else "FAILED",
        started_ms=_milliseconds(status.started),
        finished_ms=_milliseconds(status.finished) if status.finished else None,
        params=params,
        tags=_tags(run, status, params),
        metrics=tuple(points(run)) if status.state == State.FINISHED else (),
        trace=_trace(run, params),
    )


def of_sweep(sweep: SweepDirectory) -> Projection:
    """The projection of a sweep: the run its jobs hang from."""
    statuses = [_status(run) for run in sweep.runs()]
    known = [status for status in statuses if status]
    states = [status.state.value if status else UNREADABLE for status in statuses]
    ends = [_milliseconds(status.finished) for status in known if status.finished]
    counts = ", ".join(f"{states.count(s)} {s}" for s in (*State, UNREADABLE) if s in states)
    notes = (_found(sweep), f"`{sweep.command}`", f"{len(sweep.jobs)} jobs: {counts}")
    return Projection(
        key=sweep.id,
        name=" · ".join(["sweep", *filter(None, [", ".join(sweep.swept())])]),
        status=_overall(states, len(sweep.jobs)),
        started_ms=_milliseconds(sweep.started),
        finished_ms=max(ends, default=None),
        tags={
            **_origin(sweep.path, sweep.command, _commit(sweep)),
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


def _milliseconds(stamp: str) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)


def _params(config: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: [value for path in paths if (value := _look_up(config, path)) is not None]
        for name, paths in PARAMS.items()
    }
    return {name: str(values[0]) for name, values in found.items() if values}


def _look_up(config: Mapping[str, Any], path: str) -> Any:
    value: Any = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _name(params: Mapping[str, str]) -> str:
    """The arm, its cell and the repeat, as far as there are any."""
    repeat = f"r {params['repeat']}" if "repeat" in params else ""
    return " · ".join(filter(None, (_arm(params), _cell(params), repeat)))


def _arm(params: Mapping[str, str]) -> str:
    return " ".join(params[key] for key in ("engine", "precision") if key in params)


def _cell(params: Mapping[str, str]) -> str:
    return " · ".join(f"{sign} {params[key]}" for sign, key in CELL if key in params)


def _trace(run: RunDirectory, params: Mapping[str, str]) -> TraceInput | None:
    trace = run.json("trace.json")
    if not trace.get("sha256"):
        return None
    name = " · ".join(filter(None, (params.get("popularity", "replayed"), _cell(params))))
    requests = trace.get("requests")
    return TraceInput(name, trace["sha256"], requests if isinstance(requests, int) else None)


def _tags(run: RunDirectory, status: Status, params: Mapping[str, str]) -> dict[str, str]:
    commit = run.json("environment.json").get("git", {}).get("commit")
    tags = {
        **_origin(run.path, COMMAND, commit),
        **{key: params.get(key) for key in ("engine", "model", "adapters")},
        "arm": _arm(params),
        "cell": _cell(params),
        "state": status.state.value,
        "cause": status.cause,
        "validity": status.validity,
        "attempt": str(status.attempt),
        "started": status.started,
        "trace_sha256": run.json("trace.json").get("sha256"),
        "git_commit": commit,
        "mlflow.note.content": _headline(run, status),
    }
    return {key: value for key, value in tags.items() if value}


def _origin(directory: Path, command: str, commit: str | None) -> dict[str, str]:
    """Who made it, with what: MLflow's own tags, which it shows as columns."""
    origin = {
        "mlflow.user": _owner(directory),
        "mlflow.source.name": command,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
    }
    return {key: value for key, value in origin.items() if value}


def _owner(directory: Path) -> str:
    """Whose the directory is; the number of a user without a name."""
    try:
        return directory.owner()
    except KeyError:
        return str(directory.stat().st_uid)


def _commit(sweep: SweepDirectory) -> str | None:
    """What the first job that says it was run with."""
    for run in sweep.runs():
        with suppress(Unreadable, AttributeError):
            if commit := run.json("environment.json").get("git", {}).get("commit"):
                return str(commit)
    return None


def _headline(run: RunDirectory, status: Status) -> str:
    rate = run.json("metrics.json").get("output_tokens_per_s")
    speed = f"**{rate:.4g} output tokens/s**" if isinstance(rate, int | float) else None
    headline = " · ".join(filter(None, [speed, status.state, status.validity]))
    return "\n\n".join(filter(None, [headline, status.cause, *status.reasons]))
