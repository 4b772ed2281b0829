"""Which directory is whose when a sweep goes on where it was left, or grows."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from os.path import normpath
from pathlib import Path
from typing import Any

from pipeline.config.renamed import current
from pipeline.errors import Unreadable, UsageError
from pipeline.launch.job import Job
from pipeline.settings import differing, flatten
from pipeline.tracking.run_directory import CONFIG, RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory, is_run, is_sweep

BESIDE = ("limits", "isolation", "tracking", "paths", "shuffle", "until")
"""Sections that don't decide what is measured: a job may be redone with, say, more memory."""


def placed(jobs: Sequence[Job], sweep: Path | None) -> list[Job]:
    """Jobs in the directories that hold their runs; new ones in directories of their own.

    A job keeps its directory whatever its number has become, so a sweep may be given again with
    more values of any parameter.

    Raises:
        UsageError: there are runs that aren't asked for, beside jobs that haven't run; or the jobs
            haven't a directory each.
    """
    _check(jobs, sweep)
    begun = dict(_begun(jobs, sweep))
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


def _check(jobs: Sequence[Job], sweep: Path | None) -> None:
    """Refuse directories in which two runs would meet."""
    paths = [Path(normpath(job.directory.path)) for job in jobs]
    if sweep is None:
        for path in filter(is_sweep, paths):
            raise UsageError(f"hydra.run.dir={path}: is a sweep's; give a run another directory")
        return
    if is_run(sweep):
        raise UsageError(f"hydra.sweep.dir={sweep}: is a run's; give a sweep another directory")
    if len({*paths}) < len(paths) or {path.parent for path in paths} != {Path(normpath(sweep))}:
        raise UsageError(
            "hydra.sweep.subdir: every job needs a folder of its own right below the sweep's; "
            "leave it as it is, or let it hold ${hydra.job.num}"
        )


def _begun(jobs: Sequence[Job], sweep: Path | None) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Directories and their configurations: the sweep's, in the order it lists them, and the jobs'.

    One whose configuration is damaged is nobody's: nothing tells what was run there.
    """
    for path in dict.fromkeys([*_listed(sweep), *(job.directory.path for job in jobs)]):
        with suppress(Unreadable):
            if RunDirectory(path).has(CONFIG):
                yield path, current(RunDirectory(path).config())


def _listed(sweep: Path | None) -> list[Path]:
    """Directories that a sweep lists; none if its list is damaged, which is then written anew."""
    if sweep is None or not is_sweep(sweep):
        return []
    try:
        return [sweep / name for name in SweepDirectory.read(sweep).jobs]
    except Unreadable:
        return [each for each in sorted(sweep.iterdir()) if each.is_dir()]


def _same(known: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    names = differing(flatten(known), flatten(values))
    return all(name.partition(".")[0] in BESIDE for name in names)


def _free(sweep: Path, taken: set[Path]) -> Path:
    """The first numbered directory that is nobody's; it is taken now."""
    path = next(path for number in count() if (path := sweep / str(number)) not in taken)
    taken.add(path)
    return path
