"""From sources to runs: sweeps, single runs, folders of either, and queries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.compare.changed import marked
from pipeline.compare.query import fetch, is_query
from pipeline.compare.recorded import document, stamp, whole
from pipeline.compare.run import NEVER_RAN, UNREADABLE, Run
from pipeline.compare.settings import overridden, shared
from pipeline.errors import Unreadable, UsageError
from pipeline.files.documents import read_json, reading
from pipeline.settings import flatten
from pipeline.tracking.folders import subfolders
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.tracking.sweep_directory import SHEET
from pipeline.workload.shared import as_drawn


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
    if (path / SHEET).exists():
        yield from _sweep(path)
    elif (path / "status.json").exists() or (path / "config.yaml").exists():
        yield _run(path)
    else:
        for child in subfolders(path):
            yield from _found(child)


def _sweep(path: Path) -> Iterator[Run]:
    """The jobs of a sweep; where its list of them is damaged, a row that says so and what is there.

    The jobs' directories need no list to be read.
    """
    try:
        sheet = read_json(path / SHEET)
        with reading(path / SHEET):
            jobs = [(path / job["path"], job["overrides"]) for job in sheet["jobs"]]
            command = sheet.get("command")
    except Unreadable as error:
        yield Run(path, UNREADABLE, cause=str(error), complete=False)
        for child in subfolders(path):
            yield from _found(child)
        return
    runs = [(_run(folder), overrides) for folder, overrides in jobs]
    common = shared([run.settings for run, _ in runs if run.settings])
    yield from marked(
        [
            replace(
                run,
                settings=run.settings or dict(common) | overridden(overrides),
                complete=bool(run.settings),
                command=command,
            )
            for run, overrides in runs
        ]
    )


def _run(path: Path) -> Run:
    if not path.is_dir():
        return Run(path, NEVER_RAN, cause="its directory was never made")
    directory = RunDirectory(path)
    if not (path / "status.json").exists():
        return Run(path, NEVER_RAN, _settings(directory), cause="it never got a status")
    try:
        with reading(path):
            return _read(directory)
    except UsageError as error:
        return Run(path, UNREADABLE, _settings(directory), cause=str(error))


def _read(directory: RunDirectory) -> Run:
    status = directory.status()
    metrics = document(directory, "metrics.json")
    strays: tuple[str, ...] = ()
    if status.state is State.FINISHED:
        whole(directory, metrics)
        strays = tuple(each for each in directory.strays() if each not in status.reasons)
    return Run(
        path=directory.path,
        state=str(status.state),
        settings=_settings(directory),
        cause=status.cause,
        validity="INVALID" if strays else status.validity,
        reasons=(*status.reasons, *strays),
        cautions=status.cautions,
        metrics=metrics,
        trace=document(directory, "trace.json").get("sha256"),
        format=status.format,
        environment=document(directory, "environment.json"),
        started=stamp(directory, status.started),
        profiles=document(directory, "profile/README.json"),
    )


def _settings(directory: RunDirectory) -> Mapping[str, Any]:
    try:
        with reading(directory.path):
            return as_drawn(flatten(directory.config())) if directory.has("config.yaml") else {}
    except Unreadable:
        return {}
