"""What was typed for the jobs, held against what they read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from pipeline.config.load import load, resolve, written
from pipeline.errors import UsageError
from pipeline.launch.grammar import parsed
from pipeline.launch.job import Job
from pipeline.launch.unused_settings import unused_settings, used_values
from pipeline.launch.vocabulary import either
from pipeline.settings import leaves, named
from pipeline.tracking.run_directory import RunDirectory

NO_CHOICES = (".", "experiment", "arm")
"""Folders of `conf/` whose files set values, and take none."""


CALL = ("redo", "launcher")
"""Settings of the call."""


def job_of(config: DictConfig, overrides: Sequence[str], directory: RunDirectory) -> Job:
    """The job that a composed configuration is, without what it doesn't read.

    `redo` and `launcher` are about this call and no part of what is run: neither the job's values
    nor its overrides hold them.

    Raises:
        UsageError: it can't be one.
    """
    values = resolve(config)
    typed = load(values)
    idle = unused_settings(written(config), typed)
    vain = unused_overrides(overrides, values, idle)
    values.pop("redo", None)
    telling = tuple(each for each in overrides if name_of(each).split(".")[0] not in CALL)
    return Job(used_values(values, typed, idle), typed, directory, telling, unused=vain)


def unused_overrides(
    overrides: Iterable[str], values: Mapping[str, Any], unused: Mapping[str, str]
) -> dict[str, str]:
    """The overrides that change nothing in a job, and why.

    Args:
        overrides: what was typed for it.
        values: its whole configuration.
        unused: the settings in it that change nothing, by dotted name, and why.
    """
    found: dict[str, str] = {}
    for override in overrides:
        those = _set_by(override, values)
        reasons = [_reason(each, unused) for each in those]
        if reasons[0] is not None and None not in reasons:
            found[override] = reasons[0]
    return found


def refuse_names(overrides: Iterable[str], groups: Mapping[str, str]) -> None:
    """Refuse to call a component by another name than that of the choice it is.

    Args:
        overrides: what was typed.
        groups: what chose the components, by their place in the configuration.

    Raises:
        UsageError: naming what would choose another.
    """
    for override in overrides:
        place, _, last = name_of(override).rpartition(".")
        if last == "name" and place in groups:
            raise UsageError(
                f"{override}: a name only says what was chosen; {groups[place]}=… chooses"
            )


def refuse_unused(jobs: Sequence[Job], conf: Path) -> None:
    """Refuse an override that no job reads: whoever typed it believes that it changes something.

    Raises:
        UsageError: naming the setting, and who would read it.
    """
    reading = {name_of(each) for job in jobs for each in job.overrides if each not in job.unused}
    for job in jobs:
        for override, why in job.unused.items():
            if (name := name_of(override)) not in reading:
                why = why or _nobody(name, conf)
                raise UsageError(f"{override.lstrip('+')} changes nothing: {why}")


def without_repetitions(jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
    """The jobs, and apart from them those that only do again what an earlier one does.

    They differ from it in what was typed, but in nothing that they read. An engine that was
    entered twice on purpose does not.
    """
    kept: list[Job] = []
    repeating: list[Job] = []
    first: dict[str, list[str]] = {}
    for job in jobs:
        telling = [each for each in job.overrides if each not in job.unused]
        does = json.dumps([job.values, telling], sort_keys=True, default=str)
        typed = first.setdefault(does, list(job.unused))
        (kept if typed == list(job.unused) else repeating).append(job)
    return kept, repeating


def name_of(override: str) -> str:
    """The dotted name of what an override sets: of `engine@fidelity.reference=noop` the latter."""
    chosen = override.lstrip("+~").partition("=")[0]
    return (chosen.partition("@")[2] or chosen).replace("/", ".")


def takers(name: str, conf: Path) -> str:
    """The choices whose files interpolate a setting: `workload/arrivals=constant or poisson`."""
    choices: dict[str, list[str]] = {}
    for path in sorted(conf.rglob("*.yaml")):
        group = path.parent.relative_to(conf).as_posix()
        if group not in NO_CHOICES and f"${{{name}}}" in path.read_text("utf-8"):
            choices.setdefault(group, []).append(path.stem)
    return " or ".join(f"{group}={either(stems)}" for group, stems in choices.items())


def _nobody(name: str, conf: Path) -> str:
    those = takers(name, conf)
    return f"nothing here takes it over; {those} would, unless given a value of its own"


def _reason(name: str, unused: Mapping[str, str]) -> str | None:
    """Why a setting is not read, or something above it; None if it is."""
    return next((why for each, why in unused.items() if f"{name}.".startswith(f"{each}.")), None)


def _set_by(override: str, values: Any) -> list[str]:
    """The settings that an override sets: those it lists, else all under its name."""
    name = name_of(override)
    if "={" in override:
        return [leaf for leaf, _ in leaves(name, parsed([override])[0].value())]
    return [leaf for leaf, _ in leaves(name, named(values, name))]
