"""Projecting run and sweep directories into one open MLflow experiment."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.files.documents import reading, write_json
from pipeline.tracking.figures import answer_table, request_table
from pipeline.tracking.mlflow_experiment import RECEIPT, MlflowExperiment
from pipeline.tracking.projection import Projection
from pipeline.tracking.read_once import ReadOnce
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.run_projection import of_run
from pipeline.tracking.sweep_directory import SweepDirectory, is_sweep
from pipeline.tracking.sweep_projection import of_sweep
from pipeline.tracking.tracker import RunUnreadable

if TYPE_CHECKING:
    from mlflow.entities import Run

REQUESTS, ANSWERS = "requests.json", "answers.json"
"""MLflow's tables: every request's figures; what the adapters say."""


@dataclass(frozen=True)
class MlflowProjector:
    """Shows run directories in an experiment that is open, any number of them.

    Attributes:
        experiment: where they go.
        uri: MLflow's, as receipts name it.
        run_name: what a single run or a sweep is called; None for its settings.
        tags: the user's, for every run.
        abreast: how many jobs of a sweep are shown at a time.
    """

    experiment: MlflowExperiment
    uri: str
    run_name: str | None
    tags: Mapping[str, str]
    abreast: int = 1

    def project(self, directory: Path) -> None:
        """Show one run directory, beneath its sweep's run if it is a job of one.

        Raises:
            RunUnreadable: a file of the run, or its sweep's list of jobs, is damaged.
        """
        outside = directory.resolve().parent
        if not is_sweep(outside):
            self._show_run(directory, None)
            return
        with _readable(directory):
            sweep = SweepDirectory.read(outside)
        self._show_run(directory, self._parent(sweep))

    def project_sweep(self, sweep: Path) -> None:
        """Show every job of a sweep that has begun, then the sweep's run with the report.

        Raises:
            RunUnreadable: its list of jobs is damaged, or files of jobs; the others are shown.
        """
        with _readable(sweep):
            directory = SweepDirectory.read(sweep)
            projection = self._chosen(of_sweep(directory))
        parent = self.experiment.find_or_make(projection, sweep)
        with ThreadPoolExecutor(self.abreast) as threads:
            shown = threads.map(lambda run: self._damage(run, parent), directory.runs())
            damaged = [each for each in shown if each]
        self._sign(sweep, self.experiment.show(projection, sweep, leaving=directory.jobs))
        if damaged:
            raise RunUnreadable("; ".join(damaged))

    def _parent(self, sweep: SweepDirectory) -> "Run":
        with _readable(sweep.path):
            projection = self._chosen(of_sweep(sweep))
        return self.experiment.find_or_make(projection, sweep.path)

    def _damage(self, run: RunDirectory, parent: "Run") -> str | None:
        """Show a job; what is wrong with its files, if anything is."""
        try:
            self._show_run(run.path, parent)
        except RunUnreadable as error:
            return str(error)
        return None

    def _show_run(self, directory: Path, parent: "Run | None") -> None:
        run = ReadOnce(directory)
        with _readable(directory):
            projection = self._chosen(of_run(run), named=parent is None)
            tables = {REQUESTS: request_table(run), ANSWERS: answer_table(run)}
        shown = self.experiment.show(projection, directory, parent=parent, tables=tables)
        self._sign(directory, shown)

    def _chosen(self, projection: Projection, named: bool = True) -> Projection:
        """With the name and the tags that the user chose."""
        name = (self.run_name if named else None) or projection.name
        return replace(projection, name=name, tags={**projection.tags, **self.tags})

    def _sign(self, directory: Path, run_id: str) -> None:
        receipt = {
            "tracking_uri": self.uri,
            "experiment_id": self.experiment.id,
            "run_id": run_id,
        }
        with _readable(directory):
            if RunDirectory(directory).json(RECEIPT) != receipt:
                write_json(directory / RECEIPT, receipt)


@contextmanager
def _readable(directory: Path) -> Iterator[None]:
    """Damage to what is to be shown is no fault of MLflow's."""
    try:
        with reading(directory):
            yield
    except UsageError as error:
        raise RunUnreadable(str(error)) from error
