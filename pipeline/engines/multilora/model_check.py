"""Which models our own decoder computes."""

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.family import PLAIN, Norms
from pipeline.models.rope import SCALED

NORMS = Norms().layer


def check_model(model: ModelConfig, where: str) -> None:
    """Refuse what would be computed otherwise than transformers does.

    Args:
        model: its configuration.
        where: its folder, for the error.

    Raises:
        UsageError: its activation or its rotary embedding isn't one that the decoder computes.
    """
    fault = None
    if model.activation != "silu":
        fault = f"hidden_act {model.activation!r}: multilora computes silu only"
    elif not model.rope.is_computed:
        fault = f"rope_type {model.rope.kind!r}: multilora computes {', '.join(SCALED)}"
    elif model.rope.rotated != 1.0:
        fault = "partial_rotary_factor: multilora rotates whole heads only"
    elif model.family.norms.layer != NORMS:
        fault = "norms after a block: multilora computes those before it only"
    elif model.scales != PLAIN:
        fault = f"{model.scales}: multilora computes none of them"
    if fault:
        raise UsageError(f"{where}: {fault}; use engine=peft_mixed")
