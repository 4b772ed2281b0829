"""Whether the parameters of a rotary embedding can be one's."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.json_file import is_number

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


def check_rope_values(rope: Mapping[str, Any], width: int, where: str) -> None:
    """Refuse what transformers would fail at, or what would turn nothing by a number.

    Args:
        rope: as `families.rope` spells it.
        width: of one head.
        where: the file, for the error.

    Raises:
        UsageError: the kind isn't known, or a parameter is missing or impossible.
    """
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
        pairs = int(width * rope.get("partial_rotary_factor", 1.0)) // 2
        if not isinstance(given, list) or len(given) != pairs or not all(map(is_number, given)):
            raise UsageError(f"{where}: {key} must be a list of {pairs} numbers; correct it")
