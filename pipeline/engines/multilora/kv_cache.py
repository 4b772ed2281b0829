"""The KV cache: how many positions it gets, and what one of them takes."""

from pipeline.kernels.formats import NUMBER_FORMATS, NumberDtype
from pipeline.kernels.kv_pool import position_bytes
from pipeline.machine.memory import available_memory
from pipeline.models.config import ModelConfig

USUAL = 1024
"""Positions a sequence is expected to need, prompt and output together."""

SHARE = 4
"""The default pool takes at most one such part of the free memory."""


def pool_tokens(
    model: ModelConfig, dtype: NumberDtype, max_batch_size: int, said: int | None = None
) -> int:
    """Positions of the pool: what is said, or the default for this model and machine."""
    if said is not None:
        return said
    usual = max_batch_size * min(USUAL, model.positions)
    room = available_memory().bytes // SHARE // bytes_per_token(model, dtype)
    return min(max(usual, model.positions), room)


def bytes_per_token(model: ModelConfig, dtype: NumberDtype) -> int:
    """Keys and values of one position in all layers, with their scales."""
    return model.layers * model.kv_heads * position_bytes(model.head_dim, NUMBER_FORMATS[dtype])
