"""Frequencies of rotary embeddings stretched to longer contexts, by transformers' kinds."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frequencies = NDArray[np.float32]
"""Radians a position, of each pair that is turned."""


def _plain(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    return frequencies


def _linear(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    """Positions closer together (Chen et al. 2023)."""
    return frequencies / np.float32(given["factor"])


def _llama3(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    """Llama 3.1: long waves slowed by `factor`, short ones kept, a smooth ramp between."""
    factor, low, high = (
        float(given[key]) for key in ("factor", "low_freq_factor", "high_freq_factor")
    )
    length = float(given["original_max_position_embeddings"])
    with np.errstate(all="ignore"):
        waves_in_context = length * frequencies / (2 * math.pi)
        kept = ((waves_in_context - low) / (high - low)).clip(0, 1)
        return kept * frequencies + (1 - kept) * frequencies / factor


def _yarn(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    """YaRN (Peng et al. 2023): pairs that turn often in the first context stay as they are."""
    factor, base = float(given["factor"]), float(given["rope_theta"])
    width, length = 2 * len(frequencies), float(given["original_max_position_embeddings"])

    def pair(turns: float) -> float:
        """Which one turns so often in that context."""
        return width * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = pair(given.get("beta_fast") or 32), pair(given.get("beta_slow") or 1)
    if given.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    high += 0.001 if low == high else 0
    numbers = np.arange(len(frequencies), dtype=np.float32)
    slowed = ((numbers - np.float32(low)) / np.float32(high - low)).clip(0, 1)
    found: Frequencies = frequencies / np.float32(factor) * slowed + frequencies * (1 - slowed)
    return found


def _longrope(frequencies: Frequencies, given: Mapping[str, Any]) -> Frequencies:
    """LongRoPE (Ding et al. 2024): each pair slowed by a factor of its own, the short ones here.

    transformers takes the long ones once a sequence is longer than the first context, for what
    follows: see `ModelConfig.steady`.
    """
    factors: Frequencies = np.array(given["short_factor"], np.float32)
    return frequencies / factors


def attention_factor(given: Mapping[str, Any], positions: int) -> float:
    """By which YaRN and LongRoPE multiply cosines and sines.

    Args:
        given: the parameters, in transformers' spelling.
        positions: longest sequence of the model.
    """
    if given["rope_type"] not in ("yarn", "longrope"):
        return 1.0
    if (stated := given.get("attention_factor")) is not None:
        return float(stated)
    length = given["original_max_position_embeddings"]
    factor = given.get("factor") or positions / length
    if given["rope_type"] == "longrope":
        return math.sqrt(1 + math.log(factor) / math.log(length)) if factor > 1 else 1.0
    scale, all_scale = given.get("mscale"), given.get("mscale_all_dim")
    if scale and all_scale:
        return _temperature(factor, scale) / _temperature(factor, all_scale)
    return _temperature(factor)


def _temperature(factor: float, scale: float = 1.0) -> float:
    return 0.1 * scale * math.log(factor) + 1 if factor > 1 else 1.0


SCALED: Mapping[str, Callable[[Frequencies, Mapping[str, Any]], Frequencies]] = {
    "default": _plain,
    "linear": _linear,
    "dynamic": _plain,  # Within the model's positions; they grow beyond.
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
}
"""By kind, those that are computed here; which of them an engine serves is the engine's to say."""
