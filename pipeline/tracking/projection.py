"""One MLflow run as plain values, and what those of runs and of sweeps share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipeline.tracking.figures import Point

PASSING_TAGS = ("cause", "validity", "trace_sha256")
"""Tags that one attempt may have and the next may not."""

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
        metrics: of a finished run only.
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


def milliseconds(stamp: str) -> int:
    """Since 1970, as MLflow counts; `stamp` is ISO 8601 with zone."""
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)


def origin(directory: Path, command: str, commit: str | None) -> dict[str, str]:
    """Who made it, with what: MLflow's own tags, which it shows as columns."""
    tags = {
        "mlflow.user": _owner(directory),
        "mlflow.source.name": command,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
    }
    return {key: value for key, value in tags.items() if value}


def _owner(directory: Path) -> str:
    """Whose the directory is; the number of a user without a name."""
    try:
        return directory.owner()
    except KeyError:
        return str(directory.stat().st_uid)
