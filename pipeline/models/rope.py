"""Rotary position embedding (Su et al. 2021): its kind, its parameters and its frequencies."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.models.files import is_number

NEEDS = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "longrope": (),
    "proportional": (),
}
"""The kinds that transformers 5 knows, and what each can't do without."""
POSITIVE = ("rope_theta", "factor", "original_max_position_embeddings", "partial_rotary_factor")
LISTS = ("short_factor", "long_factor")
"""Of `longrope`: a number for every pair of a head."""
STRETCHED = ("llama3", "yarn", "longrope")
"""Kinds that depend on the positions that a model was first trained with."""

Frequencies = NDArray[np.float32]


@dataclass(frozen=True)
class RopeConfig:
    """The rotary embedding of a model, whatever spelling its `config.json` has.

    Attributes:
        kind: transformers' `rope_type`.
        base: transformers' `rope_theta`.
        parameters: all of them in transformers 5's spelling, kind and base included.
    """

    kind: str
    base: float
    parameters: Mapping[str, Any] = field(hash=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], head_dim: int, where: str) -> Self:
        """The one that a `config.json` describes.

        Args:
            config: with its family's defaults filled in.
            head_dim: width of a head.
            where: the file, for the error.

        Raises:
            UsageError: the kind isn't known, or a parameter is missing or impossible.
        """
        parameters = _parameters(config)
        _check(parameters, head_dim, where)
        return cls(parameters["rope_type"], parameters["rope_theta"], parameters)

    @classmethod
    def plain(cls, base: float = 10_000.0) -> Self:
        """One without any scaling."""
        return cls("default", base, {"rope_type": "default", "rope_theta": base})

    @property
    def rotated(self) -> float:
        """The part of each head that is turned."""
        return float(self.parameters.get("partial_rotary_factor", 1.0))

    @property
    def is_computed(self) -> bool:
        """Whether `frequencies` has this kind."""
        return self.kind in SCALED

    def frequencies(self, head_dim: int) -> Frequencies:
        """Radians a position of the pairs (i, i + head_dim / 2), fp32 (head_dim / 2,).

        Of whole heads, and of a kind for which `is_computed` is true.
        """
        return SCALED[self.kind](self.unscaled(head_dim), self.parameters)

    def unscaled(self, head_dim: int) -> Frequencies:
        """The same without any scaling."""
        exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
        with np.errstate(all="ignore"):
            return np.float32(1) / np.float32(self.base) ** exponents


def _plain(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    return frequencies


def _linear(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    """Positions closer together (Chen et al. 2023)."""
    return frequencies / np.float32(given["factor"])


def _llama3(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    """Llama 3.1: long waves slowed by `factor`, short ones kept, a smooth ramp between."""
    factor, low, high = (float(given[key]) for key in NEEDS["llama3"])
    length = float(given["original_max_position_embeddings"])
    with np.errstate(all="ignore"):
        waves_in_context = length * frequencies / (2 * math.pi)
        kept = ((waves_in_context - low) / (high - low)).clip(0, 1)
        return kept * frequencies + (1 - kept) * frequencies / factor


SCALED: Mapping[str, Callable[[Frequencies, Mapping[str, Any]], Frequencies]] = {
    "default": _plain,
    "linear": _linear,
    "llama3": _llama3,
}
"""By kind, those that are computed here; which of them an engine serves is the engine's to say."""


def _parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """In the spelling of transformers 5: `rope_type` and `rope_theta`, and what the kind needs."""
    given = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    given["rope_type"] = given.get("rope_type", given.pop("type", "default"))
    given.pop("type", None)
    given.setdefault("rope_theta", config.get("rope_theta", 10_000.0))
    if (factor := config.get("partial_rotary_factor")) is not None:
        given.setdefault("partial_rotary_factor", factor)
    if given["rope_type"] in STRETCHED:
        length = config.get("original_max_position_embeddings")
        given.setdefault("original_max_position_embeddings", config["max_position_embeddings"])
        given |= {} if length is None else {"original_max_position_embeddings": length}
    return given


def _check(rope: Mapping[str, Any], head_dim: int, where: str) -> None:
    """Refuse what transformers would fail at, or what would turn nothing by a number."""
    kind = rope["rope_type"]
    if not isinstance(kind, str) or kind not in NEEDS:
        raise UsageError(
            f"{where}: rope_type {kind!r:.80} isn't known to transformers, which has "
            f"{', '.join(NEEDS)}; correct it"
        )
    for key in NEEDS[kind]:
        if not is_number(rope.get(key)):
            raise UsageError(f"{where}: rope_type {kind!r} needs {key}; state it")
    for key in POSITIVE:
        if key in rope and not (is_number(rope[key]) and rope[key] > 0):
            raise UsageError(
                f"{where}: {key} is {rope[key]!r:.80}, not a number above 0; correct it"
            )
    if rope.get("partial_rotary_factor", 1.0) > 1:
        raise UsageError(
            f"{where}: partial_rotary_factor is {rope['partial_rotary_factor']!r:.80}, more than "
            "the whole of a head; correct it"
        )
    for key in LISTS if kind == "longrope" else ():
        given = rope.get(key)
        pairs = int(head_dim * rope.get("partial_rotary_factor", 1.0)) // 2
        if not isinstance(given, list) or len(given) != pairs or not all(map(is_number, given)):
            raise UsageError(f"{where}: {key} must be a list of {pairs} numbers; correct it")
