"""Loading what an adapter adds to the input embedding."""

from math import prod

import numpy as np
import torch

from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.adapters.variants import TABLES
from pipeline.engines.multilora.whole_modules import differences
from pipeline.kernels.embedding_update import EmbeddingUpdate
from pipeline.kernels.formats import NumberFormat
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.safetensors_file import as_float32

_MODULE = TABLES["embed_tokens"]
_A, _B = (f"{PREFIX}{_MODULE}.lora_embedding_{part}" for part in "AB")
_WHOLE = f"{PREFIX}{_MODULE}.weight"


def update_bytes(lora: LoraFile, format: NumberFormat) -> int:
    """Memory that it will take; 0 for an adapter that leaves the embedding alone."""
    shapes = (lora.shapes[name] for name in (_A, _B, _WHOLE) if name in lora.shapes)
    return sum(map(prod, shapes)) * _dtype(format).itemsize


def load_update(
    lora: LoraFile, format: NumberFormat, base: Checkpoint | None
) -> EmbeddingUpdate | None:
    """Read it from the adapter's file; None for an adapter that leaves the embedding alone.

    Args:
        lora: the adapter.
        format: of its numbers in memory.
        base: whose embedding one that is saved whole takes the place of.

    Raises:
        UsageError: the file isn't what it was when its header was read.
    """
    if base is not None and _WHOLE in lora.shapes:
        return _whole(lora, format, base)
    if _A not in lora.shapes:
        return None
    with lora.open() as opened:
        a, b = (as_float32(opened.read(opened[name])) for name in (_A, _B))
    scaled = b * np.float32(lora.scaling(_MODULE))
    kept = (np.ascontiguousarray(each.T.astype(_dtype(format))) for each in (a, scaled))
    return EmbeddingUpdate(*map(torch.from_numpy, kept))


def _whole(lora: LoraFile, format: NumberFormat, base: Checkpoint) -> EmbeddingUpdate:
    added = np.empty(lora.shapes[_WHOLE], _dtype(format))
    with lora.open() as opened, base.weights.open() as weights:
        for first, rows in differences(_MODULE, opened, weights, base):
            added[first : first + len(rows)] = rows
    return EmbeddingUpdate(torch.from_numpy(added), None)


def _dtype(format: NumberFormat) -> np.dtype[np.floating]:
    """Rows of so few numbers are rounded no further than to fp16."""
    return np.dtype(np.float32 if format.bits == 32 else np.float16)
