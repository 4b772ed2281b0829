"""How every settings dataclass of the project is checked."""

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)
"""Passed to `pydantic.dataclasses.dataclass`: unknown keys, NaN and infinity are refused."""
