"""Which models our own decoder computes."""

from pipeline.engines.multilora.recording import ACTIVATIONS
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.rope import RopeConfig
from pipeline.models.rope_scaling import SCALED


def check_model(model: ModelConfig, where: str) -> None:
    """Refuse what would be computed otherwise than transformers does.

    Args:
        model: its configuration.
        where: its folder, for the error.

    Raises:
        UsageError: its activation or its rotary embedding isn't what the decoder computes.
    """
    fault = None
    if model.activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        fault = f"hidden_act {model.activation!r}: multilora computes {known} only"
    else:
        faults = (_fault_of_rope(each, model.head_dim) for each in model.ropes)
        fault = next(filter(None, faults), None)
    if fault:
        raise UsageError(f"{where}: {fault}; use engine=peft_mixed")


def _fault_of_rope(rope: RopeConfig, head_dim: int) -> str | None:
    if not rope.is_computed:
        return f"rope_type {rope.kind!r}: multilora computes {', '.join(SCALED)}"
    if rope.rotated != 1.0 and not rope.in_part:
        return "partial_rotary_factor: multilora rotates whole heads only in this family"
    if rope.width(head_dim) % 2:
        return f"partial_rotary_factor: {rope.width(head_dim)} numbers of a head make no pairs"
    return None
