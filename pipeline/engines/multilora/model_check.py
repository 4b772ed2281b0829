"""Which models our own decoder computes."""

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig

ROPES = ("default", "linear", "llama3")
"""Kinds of rotary embedding, by transformers' names."""


def check_model(model: ModelConfig, where: str) -> None:
    """Refuse what would be computed otherwise than transformers does.

    Args:
        model: its configuration.
        where: its folder, for the error.

    Raises:
        UsageError: its activation or its rotary embedding isn't one that the decoder computes.
    """
    rope, fault = model.rope, None
    if model.activation != "silu":
        fault = f"hidden_act {model.activation!r}: multilora computes silu only"
    elif rope["rope_type"] not in ROPES:
        fault = f"rope_type {rope['rope_type']!r}: multilora computes {', '.join(ROPES)}"
    elif rope.get("partial_rotary_factor", 1.0) != 1.0:
        fault = "partial_rotary_factor: multilora rotates whole heads only"
    if fault:
        raise UsageError(f"{where}: {fault}; use engine=peft_mixed")
