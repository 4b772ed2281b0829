"""How many positions the KV pool gets."""

from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.engines.needs import cached
from pipeline.machine.memory import memory_room
from pipeline.models.config import ModelConfig

USUAL = 1024
"""Positions a sequence is expected to need, prompt and output together."""

SHARE = 4
"""The default pool takes at most one such part of the free memory."""


def pool_tokens(settings: MultiloraSettings, model: ModelConfig) -> int:
    """What the settings say, or the default for this model and machine."""
    if settings.kv_tokens is not None:
        return settings.kv_tokens
    usual = settings.max_batch_size * min(USUAL, model.positions)
    room = memory_room().bytes // SHARE // bytes_per_token(model)
    return min(max(usual, model.positions), room)


def bytes_per_token(model: ModelConfig) -> int:
    """Keys and values of one position in all layers, fp32."""
    return cached(model, 1, width=4)
