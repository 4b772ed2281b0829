"""Which models our own decoder computes."""

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.rope import SCALED


def check_model(model: ModelConfig, where: str) -> None:
    """Refuse what would be computed otherwise than transformers does.

    Args:
        model: its configuration.
        where: its folder, for the error.

    Raises:
        UsageError: its activation, its rotary embedding, or what its family has beyond others
            isn't what the decoder computes.
    """
    fault = None
    if model.activation != "silu":
        fault = f"hidden_act {model.activation!r}: multilora computes silu only"
    elif not model.rope.is_computed:
        fault = f"rope_type {model.rope.kind!r}: multilora computes {', '.join(SCALED)}"
    elif model.rope.rotated != 1.0:
        fault = "partial_rotary_factor: multilora rotates whole heads only"
    else:
        fault = _fault_of_family(model)
    if fault:
        raise UsageError(f"{where}: {fault}; use engine=peft_mixed")


def _fault_of_family(model: ModelConfig) -> str | None:
    norms, scales = model.family.norms, model.scales
    if norms.after_attention or norms.after_feed_forward:
        return "norms of what a block adds: multilora computes those of its input only"
    if not (norms.before_attention and norms.before_feed_forward):
        return "blocks whose input has no norm: multilora computes none"
    if scales.attention_cap is not None:
        return "capped attention: multilora caps logits only"
    if scales.attention is not None and model.head_norms:
        return "head norms beside a scale of attention: multilora computes either"
    return None
