"""Writing into one MLflow experiment, so that doing it again changes nothing."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.tracking.artifacts import artifacts
from pipeline.tracking.figures import SERIES, Point
from pipeline.tracking.lock import locked
from pipeline.tracking.projection import PASSING_TAGS, Projection, TraceInput
from pipeline.tracking.shown import IN_PART, SHOWN, fingerprint

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

BATCH = 1000
"""MLflow takes no more params, tags and metrics in one call."""
LENGTH = 5000
"""MLflow refuses longer values of params and tags."""
RECEIPT = "mlflow.json"
"""Where a run directory says which MLflow run shows it."""
PATIENCE_S = 120
"""How long another process may take to show the same run."""


@dataclass(frozen=True)
class MlflowExperiment:
    """An experiment, by `id`, and a `client` to write into it.

    `timeout_s` is how long a store of artifacts that doesn't answer is waited for.
    """

    client: "MlflowClient"
    id: str
    timeout_s: int = 5

    def find_or_make(self, projection: Projection, directory: Path) -> "Run":
        """The one MLflow run of `directory`, found by its `pipeline.id`."""
        with locked(directory, PATIENCE_S):
            return self._found_or_made(projection, projection.tags)

    def show(
        self,
        projection: Projection,
        directory: Path,
        *,
        parent: "Run | None" = None,
        tables: Mapping[str, Mapping[str, Any]] | None = None,
        leaving: Collection[str] = (),
    ) -> str:
        """Bring the MLflow run of `directory` up to date; returns its id.

        The run hangs beneath `parent`, and the `tables` that aren't empty are shown as such, by
        their files' names. The directory's entries become artifacts, but for those in `leaving`.
        A run that shows all of this already is left as it is.
        """
        tags = dict(projection.tags)
        full = {name: table for name, table in (tables or {}).items() if table}
        if parent:
            tags["mlflow.parentRunId"] = parent.info.run_id
        if full:
            shown = [{"path": name, "type": "table"} for name in full]
            tags["mlflow.loggedArtifacts"] = json.dumps(shown)
        with locked(directory, PATIENCE_S):
            entries = _entries(directory, {RECEIPT, *leaving})
            digest = fingerprint(replace(projection, tags=tags), entries)
            run = self._found_or_made(projection, tags)
            if (run.data.tags.get(SHOWN), run.info.status) != (digest, projection.status):
                self._show(run, replace(projection, tags=tags), entries, full)
                self._end(run, projection, digest)
        return str(run.info.run_id)

    def _show(
        self,
        run: "Run",
        projection: Projection,
        entries: Sequence[Path],
        tables: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._log(run, projection)
        folder = artifacts(self.client, run, self.timeout_s)
        for entry in entries:
            folder.put(entry)
        for name, table in tables.items():
            folder.put_json(name, table)

    def _found_or_made(self, projection: Projection, tags: Mapping[str, str]) -> "Run":
        query = f"tags.`pipeline.id` = '{projection.key}'"
        found = self.client.search_runs([self.id], query, max_results=1)
        if found:
            return found[0]
        tags = {**tags, "pipeline.id": projection.key}
        return self.client.create_run(self.id, projection.started_ms, _cut(tags), projection.name)

    def _log(self, run: "Run", projection: Projection) -> None:
        from mlflow.entities import Metric, Param, RunTag

        run_id, known, params = run.info.run_id, run.data.params, _cut(projection.params)
        # A param can't be changed. A redone job that has another value tells it in a tag.
        changed = {k: v for k, v in params.items() if known.get(k, v) != v}
        tags = _cut({**projection.tags, **{f"changed.{key}": changed[key] for key in changed}})
        for key in set(PASSING_TAGS) & set(run.data.tags) - set(tags):
            self.client.delete_tag(run_id, key)
        stamp = projection.finished_ms or projection.started_ms
        points = [*projection.metrics, *self._taken_back(run, projection)]
        metrics = [Metric(p.name, p.value, stamp, p.step) for p in points]
        new = [Param(key, value) for key, value in params.items() if key not in known]
        tags |= {SHOWN: IN_PART} if SHOWN in run.data.tags else {}
        other = [RunTag(k, v) for k, v in tags.items() if run.data.tags.get(k) != v]
        first = BATCH - len(new) - len(other)
        self.client.log_batch(run_id, metrics[:first], new, other)
        for start in range(first, len(metrics), BATCH):
            self.client.log_batch(run_id, metrics[start : start + BATCH])
        if projection.trace:
            self._log_trace(run_id, projection.trace)

    def _taken_back(self, run: "Run", projection: Projection) -> Iterator[Point]:
        """NaN for each figure of an earlier attempt that this one, having ended, doesn't have.

        MLflow deletes no metric, and shows the value of the last step.
        """
        if projection.status == "RUNNING":
            return
        for name in run.data.metrics.keys() - {each.name for each in projection.metrics}:
            steps = [0]
            if name.startswith(SERIES):
                history = self.client.get_metric_history(run.info.run_id, name)
                steps += [each.step for each in history]
            yield Point(name, nan, max(steps))

    def _log_trace(self, run_id: str, trace: TraceInput) -> None:
        from mlflow import MlflowException

        try:
            self.client.log_inputs(run_id, [_dataset(trace)])
        except MlflowException:  # another process has just made the same dataset: now it is found
            self.client.log_inputs(run_id, [_dataset(trace)])

    def _end(self, run: "Run", projection: Projection, digest: str) -> None:
        # Last of all: until here a run that was left half-shown says that it is running.
        if (run.info.status, run.info.run_name) != ("RUNNING", projection.name):
            self.client.update_run(run.info.run_id, "RUNNING", projection.name)
        self.client.set_tag(run.info.run_id, SHOWN, digest)
        if projection.status != "RUNNING":
            self.client.set_terminated(run.info.run_id, projection.status, projection.finished_ms)


def _entries(directory: Path, leaving: Collection[str]) -> tuple[Path, ...]:
    """What becomes artifacts: nothing hidden."""
    entries = sorted(directory.iterdir())
    return tuple(e for e in entries if e.name not in leaving and not e.name.startswith("."))


def _dataset(trace: TraceInput) -> "DatasetInput":
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(
        Dataset(
            name=trace.name,
            digest=trace.digest,
            source_type="local",
            source=json.dumps({"uri": "trace.jsonl"}),
            profile=json.dumps({"sha256": trace.sha256, "requests": trace.requests}),
        ),
        [InputTag("mlflow.data.context", "workload")],
    )


def _cut(values: Mapping[str, str]) -> dict[str, str]:
    return {key: value[:LENGTH] for key, value in values.items()}
