"""Copies of the base's tensors in an adapter's file: whether they are the base's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.lora_file import AGAIN, LoraFile
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.safetensors_file import as_float32
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.stored_shapes import EMBEDDING, HEAD
from pipeline.models.weights import PIECE, OpenWeights, StoredWeights

_VIA = (None, "F16", "BF16")
"""Types that a trainer may have loaded the base as, before it saved the copy as another."""


def check_copies(lora: LoraFile, base: Checkpoint) -> None:
    """Refuse copies of the base's tensors that aren't: they were trained, or of another base.

    PEFT puts what it finds into the base, for everybody; here the base stays the base's, so that
    the adapter would be another than it was at its training.

    Raises:
        UsageError: naming the tensor.
    """
    if not lora.copies or not base.is_made:
        return
    source = next(iter(lora.copies.values())).path
    with StoredWeights.read([source], AGAIN).open() as opened, base.weights.open() as weights:
        for name, copy in lora.copies.items():
            own = weights[{EMBEDDING: base.embedding, HEAD: base.head}.get(name, name)]
            if not any(_alike(copy, own, via, opened, weights) for via in _VIA):
                raise UsageError(
                    f"{lora.origin or lora.folder}: saves the base's {name} along, with other "
                    "numbers than this model's: it was trained on another base, or trains that "
                    "too; serve it on its own base, or name the module in modules_to_save"
                )


def _alike(
    copy: StoredTensor,
    own: StoredTensor,
    via: str | None,
    opened: OpenWeights,
    weights: OpenWeights,
) -> bool:
    first = 0
    for piece in own.pieces(PIECE):
        last = first + piece.shape[0]
        theirs = as_float32(opened.read(copy.rows(first, last)))
        ours = as_float32(weights.read(piece))
        if not np.array_equal(_as(_as(ours, via), copy.dtype), theirs):
            return False
        first = last
    return True


def _as(numbers: NDArray[Any], dtype: str | None) -> NDArray[np.float32]:
    """Rounded to that type, to nearest and ties to even."""
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return numbers.astype(np.float16).astype(np.float32)
    if dtype == "BF16":
        bits = numbers.view(np.uint32)
        rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        return (rounded & np.uint32(0xFFFF0000)).view(np.float32)
    return numbers
