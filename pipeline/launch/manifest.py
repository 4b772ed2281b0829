"""A sweep's `sweep.json`: what was asked for, and in which order it runs."""

import math
import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.errors import Unreadable
from pipeline.files.documents import read_json, reading, write_json
from pipeline.launch.attempt import identity
from pipeline.launch.job import Job, now
from pipeline.tracking.run_directory import CONFIG, RunDirectory
from pipeline.tracking.sweep_directory import MANIFEST, SweepDirectory, is_sweep


def write_manifest(
    jobs: Sequence[Job],
    ordered: Sequence[Job],
    root: Path,
    console: Console,
    cpus: int | None = None,
) -> str:
    """Write down what was asked for, and in which order it runs; the sweep's id.

    A sweep that goes on keeps its id, and the runs that this time aren't asked for.

    Args:
        jobs: of the sweep.
        ordered: those that are asked for, as they run.
        root: its directory.
        console: where it is told that what was there is damaged.
        cpus: processors that each job is given; None for all of its machine.
    """
    before = _before(root, console)
    listed = {job["path"]: job["overrides"] for job in before["jobs"]}
    begun = {path for path in listed if RunDirectory(root / path).has(CONFIG)}
    asked = {job.directory.path.name: list(job.overrides) for job in jobs}
    kept = {path: listed[path] for path in listed if path in begun - {*asked}}
    paths = [*asked, *kept]
    yet = [job.directory.path.name for job in ordered]
    order = dict.fromkeys([*(path for path in before["ran"] if path in begun), *kept, *yet])
    command = " ".join(["python -m pipeline", *sys.argv[1:]])
    manifest = {
        "id": before["id"],
        "command": before["command"] if kept else command,
        "started": before["started"],
        "shuffle": jobs[0].config.shuffle,
        "cpus": cpus,
        "until": {
            **asdict(jobs[0].config.until),
            "looks": before.get("until", {}).get("looks", []),
        },
        "order": [paths.index(path) for path in order],
        "jobs": [{"path": path, "overrides": each} for path, each in (asked | kept).items()],
    }
    write_json(root / MANIFEST, manifest)
    return str(manifest["id"])


def add_look(root: Path, repeats: int, widest: float) -> None:
    """Write down how far the widest interval reached after so many repeats."""
    manifest = read_json(root / MANIFEST)
    look = {"repeats": repeats, "widest": widest if math.isfinite(widest) else None}
    manifest["until"]["looks"].append(look)
    write_json(root / MANIFEST, manifest)


def _before(root: Path, console: Console) -> dict[str, Any]:
    """What it says already, and the paths of the jobs in the order in which they `ran`."""
    if is_sweep(root):
        try:
            SweepDirectory.read(root)
            manifest = read_json(root / MANIFEST)
            with reading(root / MANIFEST):
                ran = [manifest["jobs"][number]["path"] for number in manifest.get("order", ())]
            return {**manifest, "ran": ran}
        except Unreadable as error:
            console.print(f"{error}; it is written anew", markup=False, soft_wrap=True)
    return {"id": _id_of_runs(root), "started": now(), "jobs": (), "ran": ()}


def _id_of_runs(root: Path) -> str:
    """What the runs that are there say of the sweep they belong to; else a new id."""
    ids = (identity(RunDirectory(each)) or "" for each in sorted(root.iterdir()) if each.is_dir())
    return next((each.rpartition("/")[0] for each in ids if "/" in each), str(uuid.uuid4()))
