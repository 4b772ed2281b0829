"""Settings that change nothing in a run, and the configuration without them.

Nothing is listed here. An offered setting is read where a chosen component interpolates it; all
others are read, but for those that their own class calls idle as the others stand.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.settings import Conditional, is_offered

NOBODY = ""
"""The reason of an offered setting: of all components that were chosen, none takes it."""

_TAKEN = re.compile(r"\$\{(\.*)([^${}:]+)\}")


def unused_settings(written: Mapping[str, Any], settings: Any) -> dict[str, str]:
    """Dotted names of the settings that change nothing, each with the reason why.

    Args:
        written: the composed configuration, its interpolations as they were written.
        settings: the same, typed.
    """
    taken = set(_taken(written))
    found: dict[str, str] = {}
    for path, node in _nodes(settings):
        names = (_join(path, each.name) for each in fields(node) if is_offered(each))
        found |= {name: NOBODY for name in names if name not in taken}
        if isinstance(node, Conditional):
            found |= {_join(path, name): why for name, why in node.idle().items()}
    return found


def used_values(
    values: Mapping[str, Any], settings: Any, idle: Mapping[str, str]
) -> dict[str, Any]:
    """The resolved values that count, numbers as they were understood: `1` and `"1"` as 1.0.

    What has no default stays, for without it nothing could be built from these values again.

    Raises:
        UsageError: yes or no was given for a number.
    """
    return _used(values, settings, "", idle)


def _used(
    values: Mapping[Any, Any], node: Any, path: str, idle: Mapping[str, str]
) -> dict[Any, Any]:
    kept = {}
    for name, value in values.items():
        below = _join(path, str(name))
        if below in idle and _has_default(node, name):
            continue
        typed = node.get(name) if isinstance(node, Mapping) else getattr(node, str(name), None)
        nested = isinstance(value, Mapping)
        kept[name] = _used(value, typed, below, idle) if nested else _number(value, typed, below)
    return kept


def _number(value: Any, typed: Any, path: str) -> Any:
    """As it is typed, if it is a number; paths, choices and the like stay as they were written."""
    number = isinstance(typed, int | float) and not isinstance(typed, bool)
    if number and isinstance(value, bool):
        raise UsageError(f"{path}={str(value).lower()}: isn't a number")
    return typed if number and isinstance(value, int | float | str) else value


def _has_default(node: Any, name: str) -> bool:
    own: dict[str, Field[Any]] = {each.name: each for each in fields(node)}
    each = own.get(name)
    return each is not None and (each.default, each.default_factory) != (MISSING, MISSING)


def _nodes(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every settings object, by its dotted name."""
    if is_dataclass(node):
        yield path, node
        below = {each.name: getattr(node, each.name) for each in fields(node)}
    elif isinstance(node, Mapping):
        below = dict(node)
    else:
        return
    for name, value in below.items():
        yield from _nodes(value, _join(path, str(name)))


def _taken(node: Any, path: str = "") -> Iterator[str]:
    """Dotted names that are interpolated anywhere."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _taken(value, _join(path, str(name)))
    elif isinstance(node, list):
        for value in node:
            yield from _taken(value, path)
    elif isinstance(node, str):
        for dots, name in _TAKEN.findall(node):
            above = path.split(".")[: -len(dots)] if dots else []
            yield ".".join([*above, name.strip()])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
