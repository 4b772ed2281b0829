"""Modules that an adapter saves whole (`modules_to_save`), served as updates of full rank.

W'·x is W·x + (W' − W)·x, and W' − W is B·A with the identity as A, or as B where the matrix is
wider than tall. So a whole module takes the memory of its matrix, counts against the budget for
adapters as an update does, and is computed as one: by row, whatever else is in the step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.adapters.variants import TABLES
from pipeline.engines.multilora.row_factors import base_weight
from pipeline.kernels.lora_layout import LoraShape
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_float32
from pipeline.models.weights import OpenWeights

PIECE = 1 << 22
"""Bytes of a matrix that are compared at a time."""


def whole_shape(lora: LoraFile, module: str, column: int, affine: bool) -> LoraShape | None:
    """The update that a module becomes which the adapter saves whole; None if it doesn't."""
    found = lora.shapes.get(f"{PREFIX}{module}.weight")
    if found is None:
        return None
    outputs, inputs = found
    return LoraShape(column, min(outputs, inputs), inputs, outputs, affine)


def other_than_a_matrix(lora: LoraFile, model: ModelConfig) -> str | None:
    """A module saved whole that is no matrix of the model's, such as a norm."""
    matrices = {*model.modules(), *TABLES.values()}
    whole = (name.removeprefix(PREFIX) for name in lora.shapes if ".lora_" not in name)
    modules = (name.rpartition(".")[0] for name in whole)
    return next((each for each in modules if each not in matrices), None)


@dataclass(frozen=True, eq=False)
class WholeModules:
    """Of one adapter.

    Attributes:
        adapter: which.
        modules: that it saves whole, in the order of the layout.
        base: the checkpoint whose matrices they take the place of.
    """

    adapter: Adapter
    modules: tuple[str, ...]
    base: Checkpoint

    def put(self, packed: PackedAdapter, places: NDArray[np.void]) -> None:
        """Put A and B of each into their places, of which there are two for each.

        Raises:
            UsageError: a file isn't what it was when its header was read.
        """
        with self.adapter.lora.open() as lora, self.base.weights.open() as base:
            for module, (a, b) in zip(self.modules, places.reshape(-1, 2), strict=True):
                stored = lora[f"{PREFIX}{module}.weight"]
                tall = stored.shape[0] >= stored.shape[1]
                packed.put(a if tall else b, np.eye(min(stored.shape), dtype=np.float32))
                for first, rows in differences(module, lora, base, self.base):
                    packed.put(b if tall else a, rows, first)


def differences(
    module: str, lora: OpenWeights, base: OpenWeights, checkpoint: Checkpoint
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """W' − W, some rows at a time, each with the number of its first row.

    W ends before W' where tokens were added, and what follows is W' itself.
    """
    first, whole = 0, lora[f"{PREFIX}{module}.weight"]
    for piece in base[base_weight(module, checkpoint)].pieces(PIECE):
        last = first + piece.shape[0]
        yield first, as_float32(lora.read(whole.rows(first, last))) - as_float32(base.read(piece))
        first = last
    if first < whole.shape[0]:
        yield first, as_float32(lora.read(whole.rows(first, whole.shape[0])))
