"""Configurations laid flat, and the settings in which runs differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from pipeline.compare.labels import printable
from pipeline.compare.numbers import MISSING
from pipeline.settings import differing, plain

GROUPS = frozenset({"model", "adapters", "engine", "workload", "profiler", "experiment"})
"""Config groups chosen by name: `engine=noop` sets `engine.name`."""

BOOKKEEPING = frozenset(
    {
        *("repeat", "shuffle", "until", "redo", "isolation", "limits", "paths"),
        *("tracking", "fidelity", "validity", "metrics", "precision", "hydra"),
    }
)
"""Settings that say where, how and how strictly a run was made, never what it measures."""

Settings = Mapping[str, Any]
"""A configuration laid flat: dotted name → value."""


def overridden(overrides: Sequence[str]) -> dict[str, Any]:
    """What a job's overrides say of its settings, for a job that left no configuration."""
    settings: dict[str, Any] = {}
    for override in overrides:
        key, _, text = override.lstrip("+").partition("=")
        chosen = "/" in key or key in GROUPS
        settings[key.replace("/", ".") + (".name" if chosen else "")] = _value(text)
    return settings


def _value(text: str) -> Any:
    try:
        return plain(yaml.safe_load(text))
    except yaml.YAMLError:
        return text


def shared(several: Sequence[Settings]) -> dict[str, Any]:
    """The settings to which all of `several` give the same value."""
    first, *others = several or [{}]
    missing = object()
    return {
        key: value
        for key, value in first.items()
        if all(other.get(key, missing) == value for other in others)
    }


def varying(several: Sequence[Settings]) -> list[str]:
    """Names of the settings in which runs differ.

    A choice brings settings of its own along (another engine, another model), so what lies inside
    a named group counts only when it differs between runs that made the same choice. A setting
    that merely repeats another one is left out: of the two, the one that lies deeper.
    """
    found: list[str] = []
    keys = dict.fromkeys(key for each in several for key in each)
    for key in sorted(keys, key=lambda key: key.count(".")):
        if _matters(key) and _differs(several, key) and not _repeats(several, key, found):
            found.append(key)
    return found


def alike(settings: Settings, others: Settings) -> bool:
    """Whether two runs were asked to measure the same thing."""
    return not any(map(_matters, differing(settings, others)))


def _matters(key: str) -> bool:
    return key.split(".")[0] not in BOOKKEEPING and not key.endswith("_target_")


def _differs(several: Iterable[Settings], key: str) -> bool:
    values: dict[Any, set[Any]] = defaultdict(set)
    for each in several:
        values[_choice(each, key)].add(each.get(key))
    return any(len(found) > 1 for found in values.values())


def _choice(settings: Settings, key: str) -> Any:
    """The name chosen for the innermost named group around `key`."""
    group = key.removesuffix(".name").rpartition(".")[0]
    while group and f"{group}.name" not in settings:
        group = group.rpartition(".")[0]
    return settings.get(f"{group}.name")


def _repeats(several: Sequence[Settings], key: str, others: Iterable[str]) -> bool:
    having = [each for each in several if key in each]
    return any(all(each[key] == each.get(other) for each in having) for other in others)


def shown(value: Any) -> str:
    """A setting's value as text in one line: 1.0 is written 1."""
    if value is None:
        return MISSING
    return f"{value:g}" if isinstance(value, float) else printable(str(value))


def titles(keys: Sequence[str]) -> dict[str, str]:
    """Short names of settings, with the group before those that two of them would share."""
    shorts = [short(key) for key in keys]
    apart = [".".join(key.removesuffix(".name").split(".")[-2:]) for key in keys]
    named = zip(keys, shorts, apart, strict=True)
    return {key: name if shorts.count(name) == 1 else longer for key, name, longer in named}


def short(key: str) -> str:
    """A column title for a setting: `workload.batch_size` → `batch`."""
    above, _, name = key.removesuffix(".name").rpartition(".")
    if above.endswith("run_in"):
        return f"run-in {name}"
    return "batch" if name == "batch_size" else name
