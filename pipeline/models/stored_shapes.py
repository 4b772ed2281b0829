"""Which tensors the checkpoint of a decoder holds, and of which shapes."""

from pipeline.models.architecture import Architecture

Shapes = dict[str, tuple[int, ...]]


def required(architecture: Architecture, tied: bool) -> Shapes:
    """Tensors without which it isn't that decoder.

    Args:
        architecture: the decoder's.
        tied: the output layer is the embedding.
    """
    table, vector = (architecture.vocabulary, architecture.hidden), (architecture.hidden,)
    shapes: Shapes = {"model.embed_tokens.weight": table, "model.norm.weight": vector}
    if not tied:
        shapes["lm_head.weight"] = table
    for module, size in architecture.modules().items():
        shapes[f"{module}.weight"] = size
    for layer in range(architecture.layers):
        inside = f"model.layers.{layer}"
        shapes[f"{inside}.input_layernorm.weight"] = vector
        shapes[f"{inside}.post_attention_layernorm.weight"] = vector
        if architecture.family == "qwen3":
            shapes[f"{inside}.self_attn.q_norm.weight"] = (architecture.head_dim,)
            shapes[f"{inside}.self_attn.k_norm.weight"] = (architecture.head_dim,)
    return shapes


def biases(architecture: Architecture, projections: tuple[str, ...]) -> Shapes:
    """The biases that those projections may have."""
    return {
        f"{module}.bias": (out,)
        for module, (out, _) in architecture.modules().items()
        if module.endswith(projections)
    }
