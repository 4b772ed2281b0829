"""Which directory is whose when a sweep goes on where it was left, or grows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.launch.job import Job
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory, is_sweep

BESIDE = ("limits", "isolation", "tracking", "paths", "shuffle")
"""Sections that don't decide what is measured: a job may be redone with, say, more memory."""

CONFIG = "config.yaml"


def placed(jobs: Sequence[Job], sweep: Path | None) -> list[Job]:
    """Jobs in the directories that hold their runs; new ones in directories of their own.

    A job keeps its directory whatever its number has become, so a sweep may be given again with
    more values of any parameter.

    Raises:
        UsageError: there are runs that aren't asked for, beside jobs that haven't run.
    """
    begun = {path: RunDirectory(path).config() for path in _begun(jobs, sweep)}
    owned: dict[int, Path] = {}
    for job in jobs:
        own = (path for path, known in begun.items() if _same(known, job.values))
        if path := next(own, None):
            owned[job.number] = path
            del begun[path]
    new = [job for job in jobs if job.number not in owned]
    if begun and new:
        raise UsageError(
            f"{next(iter(begun))}: holds a run of another configuration; give its overrides, too, "
            "or another directory"
        )
    taken = {*owned.values(), *(job.directory.path for job in new)}
    for job in new:
        path = job.directory.path
        owned[job.number] = path if path not in owned.values() else _free(path.parent, taken)
    return [replace(job, directory=RunDirectory(owned[job.number])) for job in jobs]


def _begun(jobs: Sequence[Job], sweep: Path | None) -> Iterator[Path]:
    """Directories with a configuration: the sweep's, in the order it lists them, and the jobs'."""
    listed = SweepDirectory.read(sweep).jobs if sweep and is_sweep(sweep) else ()
    paths = [sweep / name for name in listed] if sweep else []
    for path in dict.fromkeys([*paths, *(job.directory.path for job in jobs)]):
        if RunDirectory(path).has(CONFIG):
            yield path


def _same(known: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(known.get(key) == values.get(key) for key in {*known, *values} - {*BESIDE})


def _free(sweep: Path, taken: set[Path]) -> Path:
    """The first numbered directory that is nobody's; it is taken now."""
    path = next(path for number in count() if (path := sweep / str(number)) not in taken)
    taken.add(path)
    return path
