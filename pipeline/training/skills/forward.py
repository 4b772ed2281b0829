"""A packed row through a Llama's layers, in pieces: what no adapter changes is computed once."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from pipeline.training.skills.packing import Packed


def embedded(model: Any, row: Packed) -> Tensor:
    """What the first layer gets."""
    states: Tensor = model.model.embed_tokens(row.ids)
    return states


def through(model: Any, layers: Iterable[Any], row: Packed, states: Tensor) -> Tensor:
    """What comes out of some of the model's layers; PEFT's may be inside them."""
    angles = model.model.rotary_emb(states, row.positions)
    for layer in layers:
        states = layer(
            states,
            attention_mask=row.mask,
            position_ids=row.positions,
            position_embeddings=angles,
            use_cache=False,
        )
    return states


def losses(model: Any, row: Packed, states: Tensor) -> Tensor:
    """Negative log-likelihood of each of the answers' tokens, nats, after the last layer."""
    logits = model.lm_head(model.model.norm(states[0, row.asked]))
    return cross_entropy(logits.float(), row.answers, reduction="none")
