"""Replicas on Ray, asked by a load generator."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.tracking.run_directory import RunDirectory
from tests.serve.launched import launched
from tests.simulate.fleet.asked import Asked


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
        RuntimeError: the client failed, or a request did, or the machine is too busy.
    """
    with launched(folder, [*serving, *engine]) as server:
        run = _run(server.url, folder / "run", [*serving, *workload])
        counted = server.metrics()
        requests = server.by_replica("multilora:adapters_lookups_total")
    hits, lookups = (counted[f"multilora:adapters_{each}_total"] for each in ("hits", "lookups"))
    return Asked.of(run, hits / lookups, requests)


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
