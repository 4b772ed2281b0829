"""The sweep directory: what was asked for, and one run directory a job."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.files.documents import read_json, reading
from pipeline.tracking.run_directory import STATUS, RunDirectory

MANIFEST = "sweep.json"


@dataclass(frozen=True)
class SweepDirectory:
    """One sweep on disk.

    Attributes:
        path: the directory.
        id: names this sweep for ever.
        command: the command line that started it.
        started: wall-clock time of the start, ISO 8601.
        jobs: overrides by the job's folder.
        cpus: processors that its launcher gave each job, whichever they were; None for all.
    """

    path: Path
    id: str
    command: str
    started: str
    jobs: dict[str, tuple[str, ...]]
    cpus: int | None = None

    @classmethod
    def read(cls, path: Path) -> Self:
        """The sweep described by the `sweep.json` in `path`.

        Raises:
            Unreadable: it is damaged.
        """
        manifest: dict[str, Any] = read_json(path / MANIFEST)
        with reading(path / MANIFEST):
            jobs = {job["path"]: tuple(job["overrides"]) for job in manifest["jobs"]}
            return cls(
                path,
                id=manifest["id"],
                command=manifest["command"],
                started=manifest["started"],
                jobs=jobs,
                cpus=manifest.get("cpus"),
            )

    def runs(self) -> Iterator[RunDirectory]:
        """The jobs that have begun, in order."""
        for job in self.jobs:
            run = RunDirectory(self.path / job)
            if run.has(STATUS):
                yield run

    def swept(self) -> tuple[str, ...]:
        """Names of the parameters in which the jobs differ, without their groups' names."""
        values: dict[str, set[str]] = {}
        for overrides in self.jobs.values():
            for key, _, value in (override.partition("=") for override in overrides):
                values.setdefault(key.lstrip("+"), set()).add(value)
        differing = (key for key, seen in values.items() if len(seen) > 1)
        return tuple(re.split("[./]", key)[-1] for key in differing)


def is_sweep(path: Path) -> bool:
    """Whether `path` is a sweep directory."""
    return (path / MANIFEST).is_file()


def is_run(path: Path) -> bool:
    """Whether `path` is a run directory."""
    return RunDirectory(path).has(STATUS)
