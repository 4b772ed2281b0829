"""MLflow as a view of run directories: one parent run a sweep, one child a job."""

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.tracking import mlflow_store
from pipeline.tracking.mlflow_experiment import RECEIPT, MlflowExperiment
from pipeline.tracking.mlflow_page import SERVED, link, serving, views
from pipeline.tracking.mlflow_postgres import SERVER as POSTGRES
from pipeline.tracking.mlflow_projector import MlflowProjector
from pipeline.tracking.optional import BOTO3, PSYCOPG
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.s3_artifacts import S3
from pipeline.tracking.tracker import Tracker, TrackingSettings

ROOT = "MLFLOW_DEFAULT_ARTIFACT_ROOT"
"""MLflow's own variable for where artifacts are kept."""

SQLITE = "sqlite:"
"""What the address of a database begins with that is a file."""

ABREAST = 4
"""Runs shown at a time: while one waits for the database or the store, others go on."""

LONGEST_S = 3600
"""Most seconds that a server may be waited for."""


@dataclass(frozen=True, config=STRICT)
class MlflowSettings(TrackingSettings):
    """Settings of `tracking=mlflow`.

    Attributes:
        name: what the user typed.
        uri: a database, such as `sqlite:////path/mlflow.db`, or a server. The environment
            variable MLFLOW_TRACKING_URI wins over it.
        experiment: MLflow's experiment, made when it isn't there.
        artifact_root: folder for artifacts, or an address such as `s3://bucket/runs`, when `uri`
            is a database; a server has its own.
        timeout_s: how long a silent server is waited for.
        run_name: what a single run, or a sweep, is called there; None for its settings.
        tags: more of them for every run; those of the environment variable MLFLOW_RUN_CONTEXT,
            a JSON object, win over these.
    """

    name: str
    uri: Annotated[str, Field(min_length=1)]
    experiment: Annotated[str, Field(min_length=1)]
    artifact_root: str
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_S)] = 5
    run_name: Annotated[str, Field(min_length=1)] | None = None
    tags: dict[str, str | int | float | bool] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        _context()

    def tracker(self) -> Tracker:
        """The tracker these settings and the environment describe.

        Raises:
            UsageError: a package is missing that its store needs.
        """
        here = self.in_environment()
        _demand(here.uri, here.artifact_location() or "")
        return MlflowTracker(here)

    def in_environment(self) -> "MlflowSettings":
        """The same, where the environment says where to go, and with its tags."""
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
        here = self.moved(elsewhere) if elsewhere else self
        return replace(here, tags={**self.tags, **_context()})

    def moved(self, uri: str) -> "MlflowSettings":
        """The same at another `uri`; the artifacts of a SQLite file are kept beside it."""
        if uri.startswith(f"{SQLITE}///") and not (uri == self.uri and self.artifact_root):
            folder = Path(uri.removeprefix(f"{SQLITE}///")).parent
            return replace(self, uri=uri, artifact_root=str(folder / "artifacts"))
        return replace(self, uri=uri)

    def artifact_location(self) -> str | None:
        """Where a new experiment keeps artifacts: an address as it is, or a folder by its path.

        Beside a database that isn't a file the environment variable MLFLOW_DEFAULT_ARTIFACT_ROOT
        wins. None where a server decides.
        """
        root = self.artifact_root
        if not self.uri.startswith(SQLITE):
            root = os.environ.get(ROOT) or root
        if not root or mlflow_store.is_http(self.uri):
            return None
        return root if "://" in root else str(Path(root).absolute())


@dataclasses.dataclass(frozen=True)
class MlflowTracker(Tracker):
    """Projects run directories on MLflow. Runs are found by the tag `pipeline.id`."""

    settings: MlflowSettings

    def project(self, directory: Path) -> None:
        """Show one run directory, beneath its sweep's run if it is a job of one."""
        with self.opened() as projector:
            projector.project(directory)

    def project_sweep(self, sweep: Path) -> None:
        """Show every job of a sweep that has begun, then the sweep's run with the report."""
        with self.opened() as projector:
            projector.project_sweep(sweep)

    @contextmanager
    def opened(self) -> Iterator[MlflowProjector]:
        """The experiment, ready for any number of runs: it is connected to once.

        Raises:
            TrackingUnavailable: what is behind the view didn't answer, now or inside.
        """
        tags = {key: str(value) for key, value in self.settings.tags.items()}
        uri = mlflow_store.public(self.settings.uri)
        with self._experiment() as experiment:
            abreast = 1 if uri.startswith(SQLITE) else ABREAST  # A file has one writer at a time.
            yield MlflowProjector(experiment, uri, self.settings.run_name, tags, abreast)

    def close_message(self, directory: Path) -> str:
        """The address of the table of runs, and how to have it served if nobody does."""
        uri = mlflow_store.public(self.settings.uri)
        identity = RunDirectory(directory).json(RECEIPT)["experiment_id"]
        if mlflow_store.is_http(uri):
            return f"MLflow: {link(uri, identity)}"
        return f"MLflow: {serving(uri)}, then {link(SERVED, identity)}"

    def experiment_id(self) -> str:
        """MLflow's id of the experiment, which is made if need be.

        Raises:
            TrackingUnavailable: what is behind the view didn't answer.
        """
        with self._experiment() as experiment:
            return experiment.id

    @contextmanager
    def _experiment(self) -> Iterator[MlflowExperiment]:
        uri, timeout_s = self.settings.uri, self.settings.timeout_s
        with mlflow_store.connected(uri, timeout_s) as client:
            name, location = self.settings.experiment, self.settings.artifact_location()
            found = mlflow_store.experiment_id(client, name, location, views())
            yield MlflowExperiment(client, found, timeout_s)


def _demand(uri: str, location: str) -> None:
    needed = {BOTO3: location.startswith(S3), PSYCOPG: uri.startswith(f"{POSTGRES}:")}
    for package in (each for each, wanted in needed.items() if wanted):
        if package.missing:
            raise UsageError(package.missing)


def _context() -> dict[str, str]:
    """The tags in MLflow's own variable for them.

    Raises:
        ValueError: they are no JSON object of texts.
    """
    text = os.environ.get("MLFLOW_RUN_CONTEXT") or "{}"
    try:
        tags = json.loads(text)
    except ValueError:
        tags = None
    if not isinstance(tags, dict) or not all(isinstance(each, str) for each in tags.values()):
        raise ValueError('MLFLOW_RUN_CONTEXT isn\'t tags in JSON, such as {"team": "serving"}')
    return tags
