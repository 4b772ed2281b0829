"""Memory that a run can't do without, known from shapes alone, before anything is loaded.

Everything here is a lower bound: what it refuses could never have run.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from pipeline.adapters.adapter import Adapter
from pipeline.inference.request import Request
from pipeline.models.config import ModelConfig


@dataclass(frozen=True)
class Need:
    """Memory for one purpose.

    Attributes:
        purpose: what it is for, with the setting that decides it.
        bytes: how much at the least.
    """

    purpose: str
    bytes: int


def projections(model: ModelConfig) -> int:
    """Weights of the linear layers of all layers, experts' included."""
    return model.linear


def vocabulary(model: ModelConfig) -> int:
    """Weights of the embedding, or of the output layer."""
    return model.vocabulary * model.hidden


def cached(model: ModelConfig, positions: int, width: int) -> int:
    """Bytes of the keys and values of so many positions, in all layers.

    Args:
        model: its configuration.
        positions: of all sequences together.
        width: bytes of a number.
    """
    return 2 * width * model.layers * model.kv_heads * model.head_dim * positions


def updates(adapters: Iterable[Adapter], width: int) -> int:
    """Bytes of the matrices of some adapters, a number in `width` bytes."""
    return width * sum(sum(map(prod, each.lora.shapes.values())) for each in adapters)


def padded(batch: Sequence[Request], answers: bool) -> int:
    """Positions of a batch whose rows are as long as its longest prompt, which is given by ids.

    Args:
        batch: requests that are served together.
        answers: whether the longest answer is sure to be written, and has its place in every row.
    """
    prompt = max((len(request.prompt_ids or ()) for request in batch), default=0)
    answer = max((request.max_new_tokens - 1 for request in batch if answers), default=0)
    return len(batch) * (prompt + answer)
