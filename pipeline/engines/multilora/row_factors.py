"""What an adapter makes of a projection's output beside B·A: row by row factor · y + summand.

DoRA (Liu et al. 2024, https://arxiv.org/abs/2402.09353) gives each row of W + s·B·A a magnitude m
of its own, which is the factor m / ‖W + s·B·A‖ of what the row gives. A bias of the base isn't
multiplied, so that the summand takes back what the factor did to it. A bias of B is added, scaled.
A bias of the base that was trained takes the place of the base's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX
from pipeline.adapters.variants import TABLES
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.safetensors_file import as_float32
from pipeline.models.weights import OpenWeights

PIECE = 1 << 22
"""Bytes of the base's weights that are looked at at a time."""
_MAGNITUDE, _BIAS, _TRAINED = "lora_magnitude_vector", "lora_B.bias", "bias"


def has_row_factors(adapter: Adapter, module: str) -> bool:
    """Whether the module's output is transformed row by row."""
    parts = (_MAGNITUDE, _BIAS, _TRAINED)
    return any(f"{PREFIX}{module}.{part}" in adapter.lora.shapes for part in parts)


@dataclass(frozen=True, eq=False)
class RowFactors:
    """Of one adapter, worked out once: every row of the adapted weights is read for its norm.

    Attributes:
        adapter: which.
        modules: that have factors, in the order of the layout.
        base: the checkpoint that it was trained on.
    """

    adapter: Adapter
    modules: tuple[str, ...]
    base: Checkpoint

    @cached_property
    def values(self) -> list[NDArray[np.float32]]:
        """Factors and summands of each module, (2, out).

        Raises:
            UsageError: a file isn't what it was when its header was read.
        """
        with self.adapter.lora.open() as lora, self.base.weights.open() as base:
            return [self._of(module, lora, base) for module in self.modules]

    def _of(self, module: str, lora: OpenWeights, base: OpenWeights) -> NDArray[np.float32]:
        def part(name: str) -> NDArray[np.float32]:
            return as_float32(lora.read(lora[f"{PREFIX}{module}.{name}"]))

        def has(name: str) -> bool:
            return f"{PREFIX}{module}.{name}" in lora

        scaling = np.float32(self.adapter.lora.scaling(module))
        own = self._bias(module, base)
        found = np.zeros((2, len(own)), np.float32)
        factors, summands = found
        factors[:] = 1
        if has(_MAGNITUDE):
            a, b = part("lora_A.weight"), part("lora_B.weight") * scaling
            factors[:] = part(_MAGNITUDE) / np.concatenate(
                [*_norms(base_weight(module, self.base), a, b, base)]
            )
            summands[:] = (1 - factors) * own
        if has(_BIAS):
            summands += scaling * part(_BIAS)
        if has(_TRAINED):
            summands += part(_TRAINED) - own
        return found

    def _bias(self, module: str, base: OpenWeights) -> NDArray[np.float32]:
        """The base's own; zeros where it has none."""
        if (name := f"{module}.bias") in base:
            return as_float32(base.read(base[name]))
        return np.zeros(base[base_weight(module, self.base)].shape[0], np.float32)


def base_weight(module: str, base: Checkpoint) -> str:
    """Name of the base's tensor that a module multiplies by, or looks rows up in."""
    if module == TABLES["lm_head"]:
        return base.head
    return base.embedding if module == TABLES["embed_tokens"] else f"{module}.weight"


def _norms(
    weight: str, a: NDArray[np.float32], b: NDArray[np.float32], base: OpenWeights
) -> Iterator[NDArray[np.float32]]:
    """Of the rows of W + B·A, some rows at a time."""
    first = 0
    for piece in base[weight].pieces(PIECE):
        last = first + piece.shape[0]
        adapted = as_float32(base.read(piece)) + b[first:last] @ a
        yield np.linalg.norm(adapted, axis=1)
        first = last
