"""Rotary position embedding (Su et al. 2021): its kind, its parameters and its frequencies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from pipeline.errors import UsageError
from pipeline.models.family import Family
from pipeline.models.files import is_number
from pipeline.models.rope_scaling import SCALED, Frequencies, attention_factor
from pipeline.models.windows import FULL, SLIDING

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


@dataclass(frozen=True)
class RopeConfig:
    """The rotary embedding of a model, whatever spelling its `config.json` has.

    Attributes:
        kind: transformers' `rope_type`.
        base: transformers' `rope_theta`.
        parameters: all of them in transformers 5's spelling, kind and base included.
        attention_factor: by which cosines and sines are multiplied.
        steady: the longest sequence by whose length no frequency changes; None for any.
        in_part: whether the model turns a part of each head where the parameters say so.
    """

    kind: str
    base: float
    parameters: Mapping[str, Any] = field(hash=False)
    attention_factor: float = 1.0
    steady: int | None = None
    in_part: bool = False

    @classmethod
    def from_config(
        cls, family: Family, config: Mapping[str, Any], head_dim: int, where: str
    ) -> Self:
        """The one that a `config.json` describes.

        Args:
            family: the model's.
            config: with its family's defaults filled in.
            head_dim: width of a head.
            where: the file, for the error.

        Raises:
            UsageError: the kind isn't known, or a parameter is missing or impossible.
        """
        return cls._of(_parameters(family, config), family, config, head_dim, where)

    @classmethod
    def of_windows(
        cls, family: Family, config: Mapping[str, Any], head_dim: int, where: str
    ) -> Self | None:
        """That of layers with a window, where the family has one of their own; else None.

        Arguments and errors are those of `from_config`.
        """
        if not family.own_rope:
            return None
        given = _nested(config, SLIDING)
        given.setdefault("rope_theta", config.get("rope_local_base_freq", 10_000.0))
        return cls._of(_standard(given, family, config), family, config, head_dim, where)

    @classmethod
    def _of(
        cls,
        parameters: dict[str, Any],
        family: Family,
        config: Mapping[str, Any],
        head_dim: int,
        where: str,
    ) -> Self:
        _check(parameters, family, head_dim, where)
        kind = parameters["rope_type"]
        try:
            found = cls(
                kind,
                parameters["rope_theta"],
                parameters,
                attention_factor(parameters, config["max_position_embeddings"]),
                parameters["original_max_position_embeddings"] if kind == "longrope" else None,
                family.partial,
            )
            numbers = found.frequencies(head_dim) if found.is_computed else np.zeros(1)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise UsageError(
                f"{where}: the parameters of rope_type {kind!r} give no frequencies ({error}); "
                "correct them"
            ) from error
        if not np.isfinite([*numbers, found.attention_factor]).all():
            raise UsageError(
                f"{where}: the parameters of rope_type {kind!r} give frequencies without end; "
                "correct them"
            )
        return found

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

    def width(self, head_dim: int) -> int:
        """How many numbers of each head are turned: the first ones."""
        return int(head_dim * self.rotated) if self.in_part else head_dim

    def frequencies(self, head_dim: int) -> Frequencies:
        """Radians a position of the pairs (i, i + width / 2), fp32 (width / 2,).

        Of a kind for which `is_computed` is true.
        """
        with np.errstate(all="ignore"):
            return SCALED[self.kind](self.unscaled(head_dim), self.parameters)

    def unscaled(self, head_dim: int) -> Frequencies:
        """The same without any scaling."""
        width = self.width(head_dim)
        exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
        with np.errstate(all="ignore"):
            return np.float32(1) / np.float32(self.base) ** exponents


def _parameters(family: Family, config: Mapping[str, Any]) -> dict[str, Any]:
    """In the spelling of transformers 5: `rope_type` and `rope_theta`, and what the kind needs."""
    if family.own_rope:
        given = _nested(config, FULL) | dict(config.get("rope_scaling") or {})
    else:
        given = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    found = _standard(given, family, config)
    kind = found["rope_type"]
    return found | {"rope_type": family.ropes.get(kind, kind) if isinstance(kind, str) else kind}


def _nested(config: Mapping[str, Any], layers: str) -> dict[str, Any]:
    """Those of some layers; a plain one where nothing is said of them."""
    said = (config.get("rope_parameters") or {}).get(layers)
    return {"rope_type": "default"} if said is None else dict(said)


def _standard(given: dict[str, Any], family: Family, config: Mapping[str, Any]) -> dict[str, Any]:
    given["rope_type"] = given.get("rope_type", given.pop("type", "default"))
    given.pop("type", None)
    given.setdefault("rope_theta", config.get("rope_theta", 10_000.0))
    factor = None if family.own_rope else config.get("partial_rotary_factor")
    if factor is not None:
        given.setdefault("partial_rotary_factor", factor)
    if given["rope_type"] in STRETCHED:
        length = config.get("original_max_position_embeddings")
        given.setdefault("original_max_position_embeddings", config["max_position_embeddings"])
        given |= {} if length is None else {"original_max_position_embeddings": length}
    return given


def _check(rope: Mapping[str, Any], family: Family, head_dim: int, where: str) -> None:
    """Refuse what transformers would fail at, or what would turn nothing by a number."""
    kind, known = rope["rope_type"], family.ropes or NEEDS
    if not isinstance(kind, str) or kind not in known:
        raise UsageError(
            f"{where}: rope_type {kind!r:.80} isn't known to transformers, which has "
            f"{', '.join(known)}; correct it"
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
