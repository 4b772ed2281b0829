"""How settings dataclasses are checked, which of their settings count, and how they lie flat."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, field
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import ConfigDict
from pydantic import Field as Constraint

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)
"""Passed to `pydantic.dataclasses.dataclass`: unknown keys, NaN and infinity are refused."""

Seed = Annotated[int, Constraint(ge=0, lt=2**63)]
"""Of draws that can be made again: what every generator of random numbers takes."""

_OFFERED, _KEPT = "offered", "kept"


def offered() -> Any:
    """A field that its own class makes nothing of: others take it over, as `${workload.rate}`.

    Where none of those that were chosen does, the setting changes nothing, and is None.
    """
    return field(default=None, metadata={_OFFERED: True})


def is_offered(each: Field[Any]) -> bool:
    """Whether the field was declared by `offered`."""
    return bool(each.metadata.get(_OFFERED))


def kept(default: Any = MISSING) -> Any:
    """A field that names a folder for what is made, and can be made again: it is no input."""
    return field(default=default, metadata={_KEPT: True})


def is_kept(each: Field[Any]) -> bool:
    """Whether the field was declared by `kept`."""
    return bool(each.metadata.get(_KEPT))


@runtime_checkable
class Selective(Protocol):
    """Settings that read more than the file a path names, or less than the files of its folder."""

    def reads(self) -> Mapping[str, Sequence[Path]]:
        """By the path's name within the class: files, and folders all of whose files are read."""


@runtime_checkable
class Conditional(Protocol):
    """Settings of which some change nothing as the others stand."""

    def idle(self) -> Mapping[str, str]:
        """These, by their names within the class, each with a clause that says why."""


def named(values: Any, name: str) -> Any:
    """What stands in nested mappings under a dotted name; None where nothing does."""
    for key in name.split("."):
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The settings below a value that stands under `name`, by their dotted names."""
    if isinstance(value, Mapping) and value:
        for key, own in value.items():
            yield from leaves(f"{name}.{key}" if name else str(key), own)
    else:
        yield name, value


def flatten(config: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a configuration by their dotted names; what JSON lacks becomes text."""
    found = leaves("", config)
    return {name: plain(value) for name, value in found if not isinstance(value, Mapping)}


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Names to which two flat configurations give different values.

    One of the two may be of a time when there wasn't that setting: it was as good as null.
    """
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def plain(value: Any) -> Any:
    """As JSON has it; what it lacks, such as infinity, becomes text."""
    finite = isinstance(value, float) and isfinite(value)
    return value if value is None or isinstance(value, str | int) or finite else str(value)
