"""How many positions the KV pool gets."""

from pipeline.engines.multilora.settings import Settings
from pipeline.engines.needs import cached
from pipeline.machine.memory import memory_room
from pipeline.models.architecture import Architecture

USUAL = 1024
"""Positions a sequence is expected to need, prompt and output together."""

SHARE = 4
"""The default pool takes at most one such part of the free memory."""


def pool_tokens(settings: Settings, architecture: Architecture) -> int:
    """What the settings say, or the default for this model and machine."""
    if settings.kv_tokens is not None:
        return settings.kv_tokens
    usual = settings.max_batch_size * min(USUAL, architecture.positions)
    room = memory_room().bytes // SHARE // bytes_per_token(architecture)
    return min(max(usual, architecture.positions), room)


def bytes_per_token(architecture: Architecture) -> int:
    """Keys and values of one position in all layers, fp32."""
    return cached(architecture, 1, width=4)
