"""The figures of a run in the shapes MLflow shows: points for its charts, a table of requests."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.metrics.definitions import ADAPTERS
from pipeline.metrics.latency import latencies
from pipeline.metrics.per_adapter import BASE
from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.answers import answers
from pipeline.tracking.run_directory import RunDirectory

SERIES = "iteration/"
"""What names of metrics begin with that have a value for each iteration."""
NAME_LENGTH = 250
"""MLflow takes no longer name of a metric."""
ANSWERED, LENGTH = 32, 400
"""How many adapters' answers are shown, and how many characters of each."""


@dataclass(frozen=True)
class Point:
    """One value of a metric; `step` is the iteration in a series, 0 elsewhere."""

    name: str
    value: float
    step: int = 0


def points(run: RunDirectory) -> Iterator[Point]:
    """Every number of the whole run, then two series over the iterations.

    Those of single adapters stay in `metrics.json`, an artifact: MLflow would put several sections
    of charts for each adapter before all others.
    """
    for name, value in run.json("metrics.json").items():
        if isinstance(value, int | float) and not name.startswith(ADAPTERS):
            yield Point(_legal(name), float(value))
    tokens: dict[int, int] = {}
    for request in run.measured():
        made = 0 if request.error else len(request.output_ids)
        tokens[request.iteration] = tokens.get(request.iteration, 0) + made
    for each in (each for each in run.iterations() if not each.run_in):
        yield Point(f"{SERIES}latency_s", each.wall_s, each.index)
        if each.wall_s > 0:
            rate = tokens.get(each.index, 0) / each.wall_s
            yield Point(f"{SERIES}output_tokens_per_s", rate, each.index)


def request_table(run: RunDirectory) -> dict[str, Any]:
    """One row a request, in the form MLflow's table view reads; empty if none was served."""
    return _table([_row(request) for request in run.requests()])


def answer_table(run: RunDirectory) -> dict[str, Any]:
    """A prompt and its answer of each adapter, in the same form; empty if there are none."""
    return _table(
        [
            {"adapter": each.adapter or BASE, "prompt": each.prompt, "answer": each.text}
            for each in answers(run, ANSWERED, LENGTH)
        ]
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not rows:
        return {}
    return {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}


def _legal(name: str) -> str:
    """`name` as MLflow allows it: adapters may be called anything."""
    return posixpath.normpath(re.sub(r"[^/\w.\- ]", "_", name))[:NAME_LENGTH]


def _row(request: RequestRecord) -> dict[str, Any]:
    found = latencies(request)
    return {
        "id": request.id,
        "iteration": request.iteration,
        "run_in": request.run_in,
        "adapter": request.adapter,
        "prompt_tokens": request.prompt_tokens,
        "output_tokens": len(request.output_ids),
        "queue_s": found.queue_s,
        "ttft_s": found.ttft_s,
        "tpot_s": found.tpot_s,
        "e2e_s": found.e2e_s,
        "error": request.error,
        "text": request.text,
    }
