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
from pipeline.files.documents import reading, write_json
from pipeline.settings import STRICT
from pipeline.tracking import mlflow_store
from pipeline.tracking.figures import answer_table, request_table
from pipeline.tracking.mlflow_experiment import RECEIPT, MlflowExperiment
from pipeline.tracking.mlflow_page import SERVED, link, serving, views
from pipeline.tracking.projection import Projection
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.run_projection import of_run
from pipeline.tracking.sweep_directory import SweepDirectory, is_sweep
from pipeline.tracking.sweep_projection import of_sweep
from pipeline.tracking.tracker import RunUnreadable, Tracker, TrackingSettings

REQUESTS, ANSWERS = "requests.json", "answers.json"
"""MLflow's tables: every request's figures; what the adapters say."""

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
        artifact_root: folder for artifacts when `uri` is a database; a server has its own.
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
        """The tracker these settings and the environment describe."""
        return MlflowTracker(self.in_environment())

    def in_environment(self) -> "MlflowSettings":
        """The same, where the environment says where to go, and with its tags."""
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
        here = self.moved(elsewhere) if elsewhere else self
        return replace(here, tags={**self.tags, **_context()})

    def moved(self, uri: str) -> "MlflowSettings":
        """The same at another `uri`; the artifacts of a SQLite file are kept beside it."""
        if uri.startswith("sqlite:///") and not (uri == self.uri and self.artifact_root):
            folder = Path(uri.removeprefix("sqlite:///")).parent
            return replace(self, uri=uri, artifact_root=str(folder / "artifacts"))
        return replace(self, uri=uri)


@dataclasses.dataclass(frozen=True)
class MlflowTracker(Tracker):
    """Projects run directories on MLflow. Runs are found by the tag `pipeline.id`."""

    settings: MlflowSettings

    def project(self, directory: Path) -> None:
        """Show one run directory, beneath its sweep's run if it is a job of one."""
        run = RunDirectory(directory)
        outside = directory.resolve().parent
        sweep = outside if is_sweep(outside) else None
        with _readable(directory):
            projection = self._chosen(of_run(run), named=sweep is None)
            tables = {REQUESTS: request_table(run), ANSWERS: answer_table(run)}
            above = self._chosen(of_sweep(SweepDirectory.read(sweep))) if sweep else None
        with self._experiment() as experiment:
            parent = experiment.find_or_make(above, sweep) if above and sweep else None
            run_id = experiment.show(projection, directory, parent=parent, tables=tables)
            self._sign(directory, experiment, run_id)

    def project_sweep(self, sweep: Path) -> None:
        """Show every job of a sweep that has begun, then the sweep's run with the report."""
        with _readable(sweep):
            directory = SweepDirectory.read(sweep)
            projection = self._chosen(of_sweep(directory))
        damaged = []
        for run in directory.runs():
            try:
                self.project(run.path)
            except RunUnreadable as error:
                damaged.append(str(error))
        with self._experiment() as experiment:
            run_id = experiment.show(projection, sweep, leaving=directory.jobs)
            self._sign(sweep, experiment, run_id)
        if damaged:
            raise RunUnreadable("; ".join(damaged))

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

    def _chosen(self, projection: Projection, named: bool = True) -> Projection:
        """With the name and the tags that the user chose."""
        name = (self.settings.run_name if named else None) or projection.name
        tags = {key: str(value) for key, value in self.settings.tags.items()}
        return replace(projection, name=name, tags={**projection.tags, **tags})

    @contextmanager
    def _experiment(self) -> Iterator[MlflowExperiment]:
        uri, root = self.settings.uri, self.settings.artifact_root
        here = root and not mlflow_store.is_http(uri)
        location = str(Path(root).absolute()) if here else None
        with mlflow_store.connected(uri, self.settings.timeout_s) as client:
            name = self.settings.experiment
            found = mlflow_store.experiment_id(client, name, location, views())
            yield MlflowExperiment(client, found)

    def _sign(self, directory: Path, experiment: MlflowExperiment, run_id: str) -> None:
        receipt = {
            "tracking_uri": mlflow_store.public(self.settings.uri),
            "experiment_id": experiment.id,
            "run_id": run_id,
        }
        write_json(directory / RECEIPT, receipt)


@contextmanager
def _readable(directory: Path) -> Iterator[None]:
    """Damage to what is to be shown is no fault of MLflow's."""
    try:
        with reading(directory):
            yield
    except UsageError as error:
        raise RunUnreadable(str(error)) from error


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
