"""What MLflow is to show of a run, worked out without MLflow."""

from collections.abc import Mapping
from typing import Any

from pipeline.settings import flatten
from pipeline.tracking.figures import points
from pipeline.tracking.projection import Projection, TraceInput, milliseconds, origin
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.workload.shared import as_drawn

PARAMS = {
    "engine": "engine.name",
    "precision": "engine.precision",
    "model": "model.name",
    "adapters": "adapters.name",
    "adapter_count": "adapters.count",
    "popularity": "workload.popularity.name",
    "arrivals": "workload.arrivals.name",
    "alpha": "workload.alpha",
    "batch_size": "workload.batch_size",
    "rate": "workload.arrivals.rate",
    "concurrency": "workload.arrivals.concurrency",
    "max_new_tokens": "workload.max_new_tokens",
    "threads": "threads",
    "repeat": "repeat",
    "profiler": "profiler.name",
}
"""Where in the configuration each param stands, once laws' settings are as they were drawn from.

One that is nowhere is left out: nothing was run under it.
"""

CELL = (
    ("\N{GREEK SMALL LETTER ALPHA}", "alpha"),
    ("b", "batch_size"),
    ("rate", "rate"),
    ("c", "concurrency"),
)
"""How the params that make up a cell are written in names, in that order."""

MLFLOWS = (State.RUNNING, State.FINISHED, State.KILLED)
"""States that MLflow knows by the same name."""

COMMAND = "python -m pipeline"


def of_run(run: RunDirectory) -> Projection:
    """The projection of one run directory, in whatever state it is."""
    status = run.status()
    params = _params(run.config() if run.has("config.yaml") else {})
    trace = _trace(run, params)
    return Projection(
        key=status.id,
        name=_name(params),
        status=status.state if status.state in MLFLOWS else "FAILED",
        started_ms=milliseconds(status.started),
        finished_ms=milliseconds(status.finished) if status.finished else None,
        params=params,
        tags=_tags(run, status, params, trace),
        metrics=tuple(points(run)) if status.state == State.FINISHED else (),
        trace=trace,
    )


def _params(config: Mapping[str, Any]) -> dict[str, str]:
    settings = as_drawn(flatten(config))
    found = {name: settings.get(path) for name, path in PARAMS.items()}
    return {name: str(value) for name, value in found.items() if value is not None}


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


def _tags(
    run: RunDirectory, status: Status, params: Mapping[str, str], trace: TraceInput | None
) -> dict[str, str]:
    commit = run.json("environment.json").get("git", {}).get("commit")
    tags = {
        **origin(run.path, COMMAND, commit),
        **{key: params.get(key) for key in ("engine", "model", "adapters")},
        "arm": _arm(params),
        "cell": _cell(params),
        "state": status.state.value,
        "cause": status.cause,
        "validity": status.validity,
        "attempt": str(status.attempt),
        "started": status.started,
        "trace_sha256": trace.sha256 if trace else None,
        "git_commit": commit,
        "mlflow.note.content": _headline(run, status),
    }
    return {key: value for key, value in tags.items() if value}


def _headline(run: RunDirectory, status: Status) -> str:
    rate = run.json("metrics.json").get("output_tokens_per_s")
    speed = f"**{rate:.4g} output tokens/s**" if isinstance(rate, int | float) else None
    headline = " · ".join(filter(None, [speed, status.state, status.validity]))
    return "\n\n".join(filter(None, [headline, status.cause, *status.reasons]))
