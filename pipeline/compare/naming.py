"""Circumstances that are compared name the arms; machines that aren't part the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.compare.circumstances import circumstances, differing, versions
from pipeline.compare.machines import MACHINE, Machine, fleets, labels
from pipeline.compare.run import ADAPTERS, Run
from pipeline.compare.settings import Settings
from pipeline.errors import UsageError

THREADS, VERSIONS = "threads", "versions"
BY = (MACHINE, THREADS, "affinity", "isa", VERSIONS, "commit", ADAPTERS)
"""What `--by` may say."""

NONE = "none"
"""`adapters.name` of the base model alone."""

OF_ADAPTERS = ("adapters.", "workload.popularity.", "workload.alpha")
"""Settings that say which adapters there are, and who names them."""

Values = Mapping[Path, str]
"""A circumstance's value by the run's directory."""


def unsaid(keys: Sequence[str], by: Sequence[str]) -> list[str]:
    """Settings without those that the arms' names will say."""
    return [key for key in keys if not (ADAPTERS in by and key.startswith(OF_ADAPTERS))]


def named(runs: Sequence[Run], by: Sequence[str]) -> tuple[Run, ...]:
    """The runs with arms called by those circumstances, and apart by machine where there are two.

    Machines of one kind that shared a sweep are one here; `pairs` keeps to each all the same.

    Threads that were swept with nothing else to compare are what is compared.

    Raises:
        UsageError: the runs don't differ in what they are to be compared by.
    """
    asked = {each: _values(runs, each) for each in by or _swept(runs)}
    for each, values in asked.items():
        if len({*values.values()}) < 2:
            raise UsageError(f"--by {each}: the runs that count don't differ in it")
    compared = [_compared(run, asked) for run in runs]
    return tuple(compared if MACHINE in asked else _kept_apart(compared))


def _kept_apart(runs: Sequence[Run]) -> list[Run]:
    """The runs, to pair on one machine alone; of several kinds each is a condition of its own."""
    machines, kinds = _values(runs, MACHINE), fleets(runs)
    told = len({*kinds.values()}) > 1
    return [
        replace(
            run,
            machine=machines.get(run.path),
            condition=(*run.condition, (MACHINE, kinds.get(run.path))) if told else run.condition,
        )
        for run in runs
    ]


def _swept(runs: Sequence[Run]) -> tuple[str, ...]:
    counting = [run for run in runs if run.counts]
    varied = {value for run in counting for key, value in run.condition if key == THREADS}
    alone = len({run.arm for run in counting}) == 1
    recorded = {*_values(runs, THREADS).values()}
    return (THREADS,) if alone and min(len(varied), len(recorded)) > 1 else ()


def _values(runs: Sequence[Run], by: str) -> Values:
    """Of the runs that count and know it, and on the machines of these, of the others too."""
    counting = [run for run in runs if run.counts]
    if by == MACHINE:
        called = labels(counting)
        machines = {run.path: Machine.of(run) for run in runs}
        return {path: called[each] for path, each in machines.items() if each in called}
    if by == ADAPTERS:
        return {run.path: _adapters(run.settings) for run in counting}
    if by == VERSIONS:
        known = {name for run in counting for name in versions(run)}
        names = sorted(known.intersection(differing(counting)))
        return {run.path: _listed(versions(run), names) for run in counting}
    return {run.path: found[by] for run in counting if by in (found := circumstances(run))}


def _adapters(settings: Settings) -> str:
    """How many there are, or what they are called; `none` where there is none."""
    name, count = settings.get("adapters.name"), settings.get("adapters.count")
    return str(name if name == NONE or count is None else count)


def _listed(found: Mapping[str, str], names: Sequence[str]) -> str:
    return " ".join(f"{name}={found.get(name, 'none')}" for name in names)


def _compared(run: Run, asked: Mapping[str, Values]) -> Run:
    words = [
        values[run.path] if by == VERSIONS else f"{by}={values[run.path]}"
        for by, values in asked.items()
        if run.path in values
    ]
    libraries = versions(run) if VERSIONS in asked else ()
    return replace(
        run,
        arm=" ".join([run.arm, *words]),
        condition=tuple((key, value) for key, value in run.condition if key not in asked),
        named=(*asked, *libraries),
    )
