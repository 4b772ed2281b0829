"""From sources to runs: sweeps, single runs, folders of either, and queries."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.compare.query import fetch, is_query
from pipeline.compare.run import Run, read_run
from pipeline.compare.settings import overridden, shared
from pipeline.errors import Unreadable, UsageError
from pipeline.tracking.folders import subfolders
from pipeline.tracking.status import UNREADABLE
from pipeline.tracking.sweep_directory import MANIFEST, SweepDirectory

PARTS = {
    "model": ("model",),
    "adapters": ("model", "adapters"),
    "questions": ("model", "quality"),
}
"""What is hashed, and the settings that decide it."""


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
    if (path / MANIFEST).exists():
        yield from _sweep(path)
    elif (path / "status.json").exists() or (path / "config.yaml").exists():
        yield read_run(path)
    else:
        for child in subfolders(path):
            yield from _found(child)


def _sweep(path: Path) -> Iterator[Run]:
    """The jobs of a sweep; where its list of them is damaged, a row that says so and what is there.

    The jobs' directories need no list to be read.
    """
    try:
        sweep = SweepDirectory.read(path)
    except Unreadable as error:
        yield Run(path, UNREADABLE, cause=str(error), complete=False)
        for child in subfolders(path):
            yield from _found(child)
        return
    runs = [(read_run(path / folder), overrides) for folder, overrides in sweep.jobs.items()]
    common = shared([run.settings for run, _ in runs if run.settings])
    yield from _marked(
        [
            replace(
                run,
                settings=run.settings or dict(common) | overridden(overrides),
                complete=bool(run.settings),
                command=sweep.command,
                cpus=sweep.cpus,
            )
            for run, overrides in runs
        ]
    )


def _marked(runs: Sequence[Run]) -> list[Run]:
    """The runs of a sweep, INVALID where a file was replaced since the first that was so set.

    They answer something else than the others.

    Args:
        runs: of one sweep, on whatever machines.
    """
    first: dict[tuple[Any, ...], tuple[str, str]] = {}
    reasons: dict[str, list[str]] = {}
    for run in sorted(runs, key=lambda each: each.started or ""):
        for part, sections in PARTS.items():
            if not (own := (run.environment.get("hashes") or {}).get(part)):
                continue
            kept, whose = first.setdefault(_key(run, part, sections), (own, run.name))
            if kept != own:
                line = f"the {part}'s files aren't those of {whose}: they were changed in between"
                reasons.setdefault(run.name, []).append(line)
    return [_invalid(run, reasons.get(run.name, ())) for run in runs]


def _key(run: Run, part: str, sections: Sequence[str]) -> tuple[Any, ...]:
    settings = (
        (name, str(value))
        for name, value in sorted(run.settings.items())
        if name.split(".")[0] in sections
    )
    return part, run.environment.get("machine_id"), *settings


def _invalid(run: Run, reasons: Sequence[str]) -> Run:
    if not reasons or run.state != "FINISHED":
        return run
    return replace(run, validity="INVALID", reasons=(*run.reasons, *reasons))
