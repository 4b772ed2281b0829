"""From sources to runs: sweeps, single runs, folders of either, and queries."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pipeline.compare.query import fetch, is_query
from pipeline.compare.run import NEVER_RAN, UNREADABLE, Run
from pipeline.compare.settings import as_used, flatten, overridden, shared
from pipeline.errors import Unreadable, UsageError
from pipeline.files import read_json
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

MALFORMED = (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError)
"""What reading a file raises when its content is not what its writer meant."""


def load(sources: Sequence[Path | str]) -> tuple[Run, ...]:
    """Every run under `sources`, once each, in order.

    Raises:
        UsageError: a path does not exist, or a source holds no runs.
    """
    paths = [path for source in sources for path in _paths(source)]
    runs = {run.path: run for path in paths for run in _named(path)}
    return tuple(runs.values())


def _paths(source: Path | str) -> Iterable[Path]:
    return fetch(str(source)) if is_query(str(source)) else [Path(source)]


def _named(path: Path) -> Iterable[Run]:
    if not path.is_dir():
        raise UsageError(f"{path}: no such directory; give a sweep, a run or a folder of them")
    runs = list(_found(path.resolve()))
    if not runs:
        raise UsageError(f"{path}: no runs here (looked for sweep.json, status.json, config.yaml)")
    return runs


def _found(path: Path) -> Iterator[Run]:
    if (path / "sweep.json").is_file():
        yield from _sweep(path)
    elif (path / "status.json").is_file() or (path / "config.yaml").is_file():
        yield _run(path)
    else:
        children = (child for child in path.iterdir() if child.is_dir())
        for child in sorted(children, key=_natural):
            if not child.name.startswith("."):
                yield from _found(child)


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _sweep(path: Path) -> Iterator[Run]:
    try:
        sweep = read_json(path / "sweep.json")
        jobs = [(path / job["path"], job["overrides"]) for job in sweep["jobs"]]
    except MALFORMED as error:
        raise UsageError(f"{path / 'sweep.json'}: not a sweep's list of jobs ({error})") from error
    runs = [(_run(folder), overrides) for folder, overrides in jobs]
    common = shared([run.settings for run, _ in runs if run.settings])
    for run, overrides in runs:
        settings = run.settings or dict(common) | overridden(overrides)
        command = sweep.get("command")
        yield replace(run, settings=settings, complete=bool(run.settings), command=command)


def _run(path: Path) -> Run:
    if not path.is_dir():
        return Run(path, NEVER_RAN, cause="its directory was never made")
    directory = RunDirectory(path)
    if not directory.has("status.json"):
        return Run(path, NEVER_RAN, _settings(directory), cause="it never got a status")
    try:
        return _read(directory)
    except UsageError as error:
        return Run(path, UNREADABLE, _settings(directory), cause=str(error))
    except MALFORMED as error:
        cause = f"{type(error).__name__}: {error}"
        return Run(path, UNREADABLE, _settings(directory), cause=cause)


def _read(directory: RunDirectory) -> Run:
    status, settings = directory.status(), _settings(directory)
    if status.state is State.FINISHED and not settings:
        raise ValueError("config.yaml is missing or not readable")
    return Run(
        path=directory.path,
        state=str(status.state),
        settings=settings,
        cause=status.cause,
        validity=status.validity,
        reasons=status.reasons,
        cautions=status.cautions,
        metrics=directory.json("metrics.json"),
        trace=directory.json("trace.json").get("sha256"),
        format=status.format,
        environment=directory.json("environment.json"),
        started=status.started,
        profiles=directory.json("profile/README.json"),
    )


def _settings(directory: RunDirectory) -> Mapping[str, Any]:
    try:
        return as_used(flatten(directory.config())) if directory.has("config.yaml") else {}
    except (Unreadable, *MALFORMED):
        return {}
