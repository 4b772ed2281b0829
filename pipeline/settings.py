"""How settings dataclasses are checked, which of their settings count, and how they lie flat."""

from collections.abc import Mapping
from dataclasses import Field, field
from math import isfinite
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import ConfigDict
from pydantic import Field as Constraint

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)
"""Passed to `pydantic.dataclasses.dataclass`: unknown keys, NaN and infinity are refused."""

Seed = Annotated[int, Constraint(ge=0, lt=2**63)]
"""Of draws that can be made again: what every generator of random numbers takes."""

_OFFERED = "offered"


def offered() -> Any:
    """A field that its own class makes nothing of: others take it over, as `${workload.rate}`.

    Where none of those that were chosen does, the setting changes nothing, and is None.
    """
    return field(default=None, metadata={_OFFERED: True})


def is_offered(each: Field[Any]) -> bool:
    """Whether the field was declared by `offered`."""
    return bool(each.metadata.get(_OFFERED))


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


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a configuration by their dotted names; what JSON lacks becomes text."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = plain(value)
    return flat


def plain(value: Any) -> Any:
    """As JSON has it; what it lacks, such as infinity, becomes text."""
    finite = isinstance(value, float) and isfinite(value)
    return value if value is None or isinstance(value, str | int) or finite else str(value)
