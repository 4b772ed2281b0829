"""MLflow as a view of run directories: one parent run a sweep, one child a job."""

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.files import reading, write_json
from pipeline.settings import STRICT
from pipeline.tracking import mlflow_store
from pipeline.tracking.figures import request_table
from pipeline.tracking.mlflow_experiment import RECEIPT, MlflowExperiment
from pipeline.tracking.projection import of_run, of_sweep
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory, is_sweep
from pipeline.tracking.tracker import RunUnreadable, Tracker, TrackingSettings

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
    """

    name: str
    uri: Annotated[str, Field(min_length=1)]
    experiment: Annotated[str, Field(min_length=1)]
    artifact_root: str
    timeout_s: Annotated[int, Field(ge=1, le=LONGEST_S)] = 5

    def tracker(self) -> Tracker:
        """The tracker these settings and the environment describe."""
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
        return MlflowTracker(self.moved(elsewhere) if elsewhere else self)

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
            projection, table = of_run(run), request_table(run)
            above = of_sweep(SweepDirectory.read(sweep)) if sweep else None
        with self._experiment() as experiment:
            parent = experiment.find_or_make(above, sweep) if above and sweep else None
            run_id = experiment.show(projection, directory, parent=parent, table=table)
            self._sign(directory, experiment, run_id)

    def project_sweep(self, sweep: Path) -> None:
        """Show every job of a sweep that has begun, then the sweep's run with the report."""
        with _readable(sweep):
            directory = SweepDirectory.read(sweep)
            projection = of_sweep(directory)
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

    def close_message(self) -> str:
        """Where the user interface is, or how to start it."""
        uri = mlflow_store.public(self.settings.uri)
        return f"MLflow: {uri}" if mlflow_store.is_http(uri) else f"MLflow: make ui ({uri})"

    @contextmanager
    def _experiment(self) -> Iterator[MlflowExperiment]:
        uri, root = self.settings.uri, self.settings.artifact_root
        here = root and not mlflow_store.is_http(uri)
        location = str(Path(root).absolute()) if here else None
        with mlflow_store.connected(uri, self.settings.timeout_s) as client:
            name = self.settings.experiment
            yield MlflowExperiment(client, mlflow_store.experiment_id(client, name, location))

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
