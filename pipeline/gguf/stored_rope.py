"""The rotary embedding of the model in a GGUF file, as a `config.json` describes it."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.gguf.dequantise import GgufRows, check_types
from pipeline.gguf.said import Said, shortest
from pipeline.gguf.tensors import ROPE_FACTORS, ROPE_FREQS
from pipeline.models.family import Family
from pipeline.models.rope import RopeConfig
from pipeline.models.windows import FULL, SLIDING

PUBLISHED = ((1.0, 4.0, 8192), (1.0, 4.0, 4096))
"""Low and high frequency factor and first context of Llama 3 and its kin."""
MOST = 1 << 16
"""Pairs of a head."""
CLOSE = 1e-5
"""Largest error of a divisor, of itself: those in a file are rounded to 32 bits."""


def rope_in(said: Said, family: Family, head_dim: int) -> dict[str, Any]:
    """The `rope_parameters`.

    Args:
        said: by the file.
        family: whose layers with a window may have a rotary embedding of their own.
        head_dim: width of a head, of which only a part may be turned.

    Raises:
        UsageError: it is scaled in a way that can't be told in a `config.json`.
    """
    plain: dict[str, Any] = {"rope_type": "default"}
    plain["rope_theta"] = said.number("rope.freq_base", 10000.0)
    if (turned := said.count("rope.dimension_count", head_dim)) != head_dim:
        plain["partial_rotary_factor"] = turned / head_dim
    if family.own_rope:
        windowed = plain | {"rope_theta": said.number("rope.freq_base_swa", 10000.0)}
        return {FULL: _scaled(said, plain), SLIDING: windowed}
    if any(name in said.file.tensors for name in ROPE_FACTORS):
        return plain | _longrope(said)
    return _scaled(said, plain)


def _scaled(said: Said, plain: dict[str, Any]) -> dict[str, Any]:
    kind = said.get("rope.scaling.type")
    factor = said.get("rope.scaling.factor", said.get("rope.scale_linear", 1.0))
    if kind is None:
        kind = "linear" if factor not in (0, 1) else "none"
    if ROPE_FREQS in said.file.tensors:
        if kind != "none":
            raise UsageError(
                f"{said.file.path}: scales its rotary embedding twice ({kind} and {ROPE_FREQS})"
            )
        return {**plain, **_llama3(said, plain["rope_theta"])}
    if kind == "none":
        return plain
    if kind == "linear":
        return {**plain, "rope_type": "linear", "factor": factor}
    if kind == "yarn":
        return {
            **plain,
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": said["rope.scaling.original_context_length"],
            "beta_fast": said.get("rope.scaling.yarn_beta_fast", 32.0),
            "beta_slow": said.get("rope.scaling.yarn_beta_slow", 1.0),
        }
    raise UsageError(
        f"{said.file.path}: {said.architecture}.rope.scaling.type is {kind!r:.80}; "
        "use one of none, linear, yarn"
    )


def _longrope(said: Said) -> dict[str, Any]:
    """Divisors for long sequences and for short ones, which are told as they are."""
    for name in ROPE_FACTORS:
        if name not in said.file.tensors:
            raise UsageError(f"{said.file.path}: no tensor {name}; convert the model again")
        if not _is_vector(said, name):
            raise UsageError(f"{said.file.path}: {name} isn't a number for each pair of a head")
    long, short = ([*map(shortest, _numbers(said, name))] for name in ROPE_FACTORS)
    return {
        **{"rope_type": "longrope", "long_factor": long, "short_factor": short},
        "attention_factor": said.number("rope.scaling.attn_factor", 1.0),
        "original_max_position_embeddings": said["rope.scaling.original_context_length"],
    }


def _llama3(said: Said, base: float) -> dict[str, Any]:
    """What of Llama 3's law gives the divisors that alone are stored."""
    where = f"{said.file.path}: {ROPE_FREQS}"
    if not _is_vector(said, ROPE_FREQS):
        raise UsageError(f"{where} aren't a number for each pair of a head")
    divisors = _numbers(said, ROPE_FREQS).astype(np.float64)
    if not np.isfinite(divisors).all() or divisors.min() <= 0:
        raise UsageError(f"{where} aren't finite numbers above 0")
    width = 2 * len(divisors)
    factor = shortest(divisors.max())
    frequencies = RopeConfig.plain(base).unscaled(width).astype(np.float64)
    if not np.isfinite(frequencies).all() or frequencies.min() <= 0:
        raise UsageError(
            f"{said.file.path}: {said.architecture}.rope.freq_base is {base}, which gives no "
            "frequencies; convert or fetch the model again"
        )
    for low, high, length in (*PUBLISHED, *_fitted(divisors, frequencies, factor)):
        found = {
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low,
            "high_freq_factor": high,
            "original_max_position_embeddings": length,
        }
        if factor > 1 and _gives(divisors, {**found, "rope_theta": base}, width):
            return found
    raise UsageError(f"{where} follow another law than Llama 3's, which no `config.json` can tell")


def _is_vector(said: Said, name: str) -> bool:
    """Whether that tensor can have a number for each pair of a head."""
    shape = said.file.tensors[name].shape
    return len(shape) == 1 and shape[0] <= MOST


def _numbers(said: Said, name: str) -> NDArray[np.float32]:
    check_types(said.file, (name,))
    with GgufRows(said.file) as opened:
        return opened.rows(name)


def _gives(divisors: NDArray[np.float64], parameters: dict[str, Any], width: int) -> bool:
    rope = RopeConfig("llama3", parameters["rope_theta"], parameters)
    given = rope.unscaled(width) / rope.frequencies(width)
    return bool(np.allclose(given, divisors, rtol=CLOSE, atol=0))


def _fitted(
    divisors: NDArray[np.float64], frequencies: NDArray[np.float64], factor: float
) -> Iterator[tuple[float, float, float]]:
    """Low and high frequency factor and context, by the line that the ramp between them is.

    Between them 1 / divisor = k + (1 − k) / factor, with k linear in the frequency; the line fixes
    their ratios alone, so that the low one may be 1.
    """
    with np.errstate(all="ignore"):
        kept = (1 / divisors - 1 / factor) / (1 - 1 / factor)
    ramp = (kept > 1e-4) & (kept < 1 - 1e-4)
    for place in np.flatnonzero(ramp)[:1]:  # One is enough where the factors are those published.
        yield 1.0, 4.0, round((3 * kept[place] + 1) * 2 * math.pi / frequencies[place])
    if ramp.sum() < 2:
        return
    slope, start = np.polyfit(frequencies[ramp], kept[ramp], 1)
    if start < 0 < slope:
        high = 1 - 1 / start
        yield 1.0, round(high, 3), round(slope * 2 * math.pi * (high - 1))
        yield 1.0, float(high), float(slope * 2 * math.pi * (high - 1))
