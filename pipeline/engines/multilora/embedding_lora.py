"""Loading what an adapter adds to the input embedding."""

import numpy as np
import torch

from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.adapters.variants import TABLES
from pipeline.kernels.embedding_update import EmbeddingUpdate
from pipeline.kernels.formats import NumberFormat
from pipeline.models.safetensors_file import as_float32

_MODULE = TABLES["embed_tokens"]
_A, _B = (f"{PREFIX}{_MODULE}.lora_embedding_{part}" for part in "AB")


def update_bytes(lora: LoraFile, format: NumberFormat) -> int:
    """Memory that it will take; 0 for an adapter that leaves the embedding alone."""
    if _A not in lora.shapes:
        return 0
    rank, vocabulary = lora.shapes[_A]
    return rank * (vocabulary + lora.shapes[_B][0]) * _dtype(format).itemsize


def load_update(lora: LoraFile, format: NumberFormat) -> EmbeddingUpdate | None:
    """Read it from the adapter's file; None for an adapter that leaves the embedding alone.

    Raises:
        UsageError: the file isn't what it was when its header was read.
    """
    if _A not in lora.shapes:
        return None
    with lora.open() as opened:
        a, b = (as_float32(opened.read(opened[name])) for name in (_A, _B))
    scaled = b * np.float32(lora.scaling(_MODULE))
    kept = (np.ascontiguousarray(each.T.astype(_dtype(format))) for each in (a, scaled))
    return EmbeddingUpdate(*map(torch.from_numpy, kept))


def _dtype(format: NumberFormat) -> np.dtype[np.floating]:
    """Rows of so few numbers are rounded no further than to fp16."""
    return np.dtype(np.float32 if format.bits == 32 else np.float16)
