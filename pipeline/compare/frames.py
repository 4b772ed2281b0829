"""Runs as tables for a notebook: one of runs, one of requests."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.compare.load import load
from pipeline.compare.run import NEVER_RAN, Run
from pipeline.errors import UsageError
from pipeline.metrics.latency import LATENCIES, latencies
from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import UNREADABLE

FIELDS = [each.name for each in fields(RequestRecord)]
TIMES = [name for name in LATENCIES if name != "itl_s"]
"""Of which a request has one; gaps between tokens are the differences of its `tokens`."""


@dataclass(frozen=True)
class RunTables:
    """What `pipeline.load_runs` found.

    Attributes:
        runs: a row a run, by `run`: its path from the folder that was asked for. `path`, `state`
            (of the run's status, or UNREADABLE or NEVER RAN), `validity`, `cause`, `reasons`,
            `cautions`, `started` and `trace`, the hash of what was asked; then the configuration
            by its dotted names and the metrics by theirs, NaN where a run has none.
        requests: a row a request that was served, by `run` and `id`: its fields in
            `requests.jsonl`, stamps in seconds of the run's own clock, and the latencies in seconds
            that docs/metrics.md defines, NaN of a request that failed. Those of the run-in, which
            enter no metric, have `run_in` set.
    """

    runs: pd.DataFrame
    requests: pd.DataFrame


def tables(directory: Path | str) -> RunTables:
    """Every run under a run directory, a sweep, or a folder of them; damaged ones are rows, too.

    Raises:
        UsageError: the directory doesn't exist or holds no runs.
    """
    above = Path(directory).resolve().parent
    runs, requests = [], []
    for run in load([directory]):
        name = str(run.path.relative_to(above)) if run.path.is_relative_to(above) else str(run.path)
        try:
            served = [] if run.state in (NEVER_RAN, UNREADABLE) else _requests(run)
        except UsageError as error:
            run, served = replace(run, state=UNREADABLE, cause=str(error)), []
        runs.append({"run": name} | _row(run))
        requests += [{"run": name} | each for each in served]
    return RunTables(
        pd.DataFrame(runs).set_index("run"),
        pd.DataFrame(requests, columns=["run", *FIELDS, *TIMES]).set_index(["run", "id"]),
    )


def _row(run: Run) -> dict[str, Any]:
    numbers = {name: number for name in run.metrics if (number := run.number(name)) is not None}
    said = ("path", "state", "validity", "cause", "reasons", "cautions", "started", "trace")
    return {name: getattr(run, name) for name in said} | {**run.settings} | numbers


def _requests(run: Run) -> list[dict[str, Any]]:
    return [_request(each) for each in RunDirectory(run.path).requests()]


def _request(record: RequestRecord) -> dict[str, Any]:
    found = asdict(latencies(record)) if record.error is None else {}
    return asdict(record) | {name: found.get(name) for name in TIMES}
