"""Replicas on Ray, asked by a load generator."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.source import AdapterSource
from pipeline.config.load import built
from pipeline.models.source import ModelSource
from pipeline.simulate.demand import Demand, of_rows
from pipeline.tracking.run_directory import RunDirectory
from tests.serve.launched import launched
from tests.simulate.fleet.figures import Figures, figures_of


@dataclass(frozen=True)
class Asked:
    """What was asked of a fleet, and what it was like.

    Attributes:
        demand: the requests, when they were due.
        ranks: of the adapters, in the order of their numbers.
        figures: measured.
    """

    demand: Demand
    ranks: NDArray[np.int64]
    figures: Figures


def ask(
    folder: Path, serving: Sequence[str], engine: Sequence[str], workload: Sequence[str]
) -> Asked:
    """Start replicas, ask them, end them.

    Args:
        folder: for what is written.
        serving: overrides of server and client alike: model and adapters.
        engine: overrides of the server's alone.
        workload: overrides of the client's alone.

    Raises:
        RuntimeError: the client failed, or a request did.
    """
    with launched(folder, [*serving, *engine]) as server:
        run = _run(server.url, folder / "run", [*serving, *workload])
        counted = server.metrics()
    hits, lookups = (counted[f"multilora:adapters_{each}_total"] for each in ("hits", "lookups"))
    return _of(run, hits / lookups)


def _run(url: str, folder: Path, overrides: Sequence[str]) -> RunDirectory:
    own = (
        f"engine.base_url={url}",
        "engine.send=ids",
        "tracking=none",
        "workload.run_in.seconds=null",
        f"hydra.run.dir={folder}",
    )
    command = [sys.executable, "-m", "pipeline", "+experiment=load", *own, *overrides]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{folder}: {done.stderr[-1000:] or done.stdout[-1000:]}")
    return RunDirectory(folder)


def _of(run: RunDirectory, hit_rate: float) -> Asked:
    records = sorted(run.requests(), key=lambda each: each.scheduled)
    if failed := [each.error for each in records if each.error]:
        raise RuntimeError(f"{len(failed)} requests failed: {failed[0]}")
    values = run.config()
    model, source = built(values["model"]), built(values["adapters"])
    assert isinstance(model, ModelSource) and isinstance(source, AdapterSource)
    adapters = source.preview(model.preview().config)
    places = {each.name: place for place, each in enumerate(adapters)}
    start = records[0].scheduled
    demand = of_rows(
        [
            {
                "arrives": each.scheduled - start,
                "adapter": places[each.adapter or ""],
                "prompt": each.prompt_tokens,
                "output": len(each.output_ids),
            }
            for each in records
        ]
    )
    first = [each.tokens[0] - start for each in records]
    finished = [each.finished - start for each in records]
    figures = figures_of(demand, first, finished, hit_rate)
    return Asked(demand, np.array([each.lora.max_rank for each in adapters]), figures)
