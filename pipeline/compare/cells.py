"""What is compared (arms), under which settings (conditions), measured how often (cells)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from pipeline.compare.conditions import order
from pipeline.compare.naming import named as named_by
from pipeline.compare.naming import unsaid
from pipeline.compare.run import Condition, Run
from pipeline.compare.settings import Settings, short, varying

ALWAYS = (
    "workload.alpha",
    "workload.batch_size",
    "workload.arrivals.concurrency",
    "workload.run_in.requests",
    "workload.run_in.seconds",
)
"""Named even where they are the same throughout: no result means anything without them.

Those that no run has read are in no configuration, and named nowhere.
"""

PRECISIONS = ("engine.precision", "model.quantization")
"""How an arm computes and stores weights: its name says them bare, where any of them differ."""

UNQUANTISED = "none"

SWEEP = "sweep"
"""A condition's name for all that differs from sweep to sweep, but never within one."""

Sweeps = Mapping[Path, str]
"""What each sweep is called, by its directory."""


@dataclass(frozen=True)
class Cell:
    """The repetitions of one arm under one condition, all of them valid."""

    arm: str
    condition: Condition
    runs: tuple[Run, ...]

    def values(self, metric: str) -> list[float]:
        """The metric of each of the runs that have it."""
        return [value for run in self.runs if (value := run.number(metric)) is not None]

    def mean(self, metric: str) -> float | None:
        """Mean over the repeats; None unless every one of them has the metric."""
        values = self.values(metric)
        return fmean(values) if len(values) == len(self.runs) else None


def place(runs: Sequence[Run], by: Sequence[str] = ()) -> tuple[Run, ...]:
    """Name each run's arm and condition.

    Args:
        runs: all that were found.
        by: circumstances that are compared, of `naming.BY`.

    Raises:
        UsageError: the runs don't differ in one of them.
    """
    whole = [run.settings for run in runs if run.complete] or [run.settings for run in runs]
    differing = varying(whole)
    shown = [key for key in ALWAYS if any(run.settings.get(key) is not None for run in runs)]
    of_arm = [key for key in differing if key.startswith("engine.") or key in PRECISIONS]
    others = [key for key in differing if key not in (*ALWAYS, *of_arm)]
    shown = unsaid([*shown, *_conditions(runs, unsaid(others, by))], by)
    named = [key for key in PRECISIONS if len({each[key] for each in whole if key in each}) > 1]
    told = _telling([key for key in of_arm if key not in (*PRECISIONS, "engine.name")], whole)
    sweeps = _called({run.sweep for run in runs})
    placed = [
        replace(
            run,
            arm=_arm(run.settings, [*named, *told[_engine(run.settings)]]),
            condition=tuple((key, _value(run, key, sweeps)) for key in shown),
        )
        for run in runs
    ]
    return _told_apart(named_by(placed, by), sweeps)


def _called(sweeps: Collection[Path]) -> Sweeps:
    """As much of each path's end as tells it from the others, which mostly is the name."""
    most = max((len(path.parts) for path in sweeps), default=1)
    ends = ({path: Path(*path.parts[-n:]) for path in sweeps} for n in range(1, most + 1))
    found = next((each for each in ends if len({*each.values()}) == len(sweeps)), {})
    return {path: str(end) for path, end in found.items()}


def _value(run: Run, key: str, sweeps: Sweeps) -> Any:
    return sweeps[run.sweep] if key == SWEEP else run.settings.get(key)


def _conditions(runs: Sequence[Run], keys: Sequence[str]) -> list[str]:
    """Those settings, or the sweep's name instead of several that only tell sweeps apart."""
    by_sweep: dict[Any, list[Settings]] = defaultdict(list)
    for run in runs:
        by_sweep[run.sweep].append(run.settings)
    within = {key for some in by_sweep.values() for key in varying(some)}
    between = [key for key in keys if key not in within]
    if len(by_sweep) < 2 or len(between) < 2:
        return list(keys)
    return [SWEEP, *(key for key in keys if key in within)]


def _telling(keys: Sequence[str], settings: Iterable[Settings]) -> Mapping[str, list[str]]:
    """By engine, its own settings that tell its arms apart: what others vary says nothing of it."""
    by_engine: dict[str, list[Settings]] = defaultdict(list)
    for each in settings:
        by_engine[_engine(each)].append(each)
    found = {name: set(varying(some)) for name, some in by_engine.items()}
    return defaultdict(list, {n: [key for key in keys if key in v] for n, v in found.items()})


def _engine(settings: Settings) -> str:
    return str(settings.get("engine.name", "?"))


def _arm(settings: Settings, own: Iterable[str]) -> str:
    words = [_engine(settings)]
    for key in own:
        value = settings.get(key)
        if key in PRECISIONS:
            words += [str(value)] if value not in (None, UNQUANTISED) else []
        elif value is not None:
            words.append(f"{short(key)}={value}")
    return " ".join(words)


def _told_apart(runs: Sequence[Run], sweeps: Sweeps) -> tuple[Run, ...]:
    """Arms of their own for runs that were made twice: an A/A pair, or two sweeps."""
    places = Counter((run.arm, run.condition, run.repeat) for run in runs if run.counts)
    if len(sweeps) > 1 and max(places.values(), default=0) > 1:
        runs = [replace(run, arm=f"{run.arm} @ {sweeps[run.sweep]}") for run in runs]
    seen: Counter[tuple[Any, ...]] = Counter()
    apart = []
    for run in runs:
        place = (run.arm, run.condition, run.repeat)
        seen[place] += run.counts
        apart.append(replace(run, arm=f"{run.arm} ({seen[place]})") if seen[place] > 1 else run)
    return tuple(apart)


def cells(runs: Sequence[Run]) -> tuple[Cell, ...]:
    """The runs that count, repeats together; by condition, then in the order arms were met."""
    together: dict[tuple[str, Condition], list[Run]] = defaultdict(list)
    for run in runs:
        if run.counts:
            together[run.arm, run.condition].append(run)
    arms = list(dict.fromkeys(run.arm for run in runs))
    found = [Cell(arm, where, tuple(same)) for (arm, where), same in together.items()]
    return tuple(sorted(found, key=lambda each: (order(each.condition), arms.index(each.arm))))
