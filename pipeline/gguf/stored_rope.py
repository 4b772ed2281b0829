"""The rotary embedding of the model in a GGUF file, as a `config.json` describes it."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.gguf.dequantise import GgufRows
from pipeline.gguf.said import Said
from pipeline.gguf.tensors import ROPE_FREQS
from pipeline.models.rope import RopeConfig

PUBLISHED = ((1.0, 4.0, 8192), (1.0, 4.0, 4096))
"""Low and high frequency factor and first context of Llama 3 and its kin."""
CLOSE = 1e-5
"""Largest error of a divisor, of itself: those in a file are rounded to 32 bits."""


def rope_in(said: Said) -> dict[str, Any]:
    """The `rope_parameters`.

    Raises:
        UsageError: it is scaled in a way that can't be told in a `config.json`.
    """
    plain = {"rope_type": "default", "rope_theta": said.get("rope.freq_base", 10000.0)}
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


def _llama3(said: Said, base: float) -> dict[str, Any]:
    """What of Llama 3's law gives the divisors that alone are stored."""
    with GgufRows(said.file) as opened:
        divisors = opened.rows(ROPE_FREQS).astype(np.float64)
    where = f"{said.file.path}: {ROPE_FREQS}"
    if divisors.ndim != 1 or len(divisors) > 1 << 16 or not np.isfinite(divisors).all():
        raise UsageError(f"{where} aren't finite numbers in a row")
    width = 2 * len(divisors)
    factor = float(str(np.float32(divisors.max())))
    frequencies = RopeConfig.plain(base).unscaled(width).astype(np.float64)
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
    if ramp.sum() < 2:
        return
    slope, start = np.polyfit(frequencies[ramp], kept[ramp], 1)
    if start < 0 < slope:
        high = 1 - 1 / start
        yield 1.0, round(high, 3), round(slope * 2 * math.pi * (high - 1))
        yield 1.0, float(high), float(slope * 2 * math.pi * (high - 1))
