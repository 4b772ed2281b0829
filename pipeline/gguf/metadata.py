"""A decoder's dimensions and constants as GGUF metadata, and its rotary embedding."""

import gguf
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.gguf.layout import gguf_architecture, longest
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig

_GUESSED = ("phi-3", "phi3")
"""Names by which llama.cpp looks for tokens, and fails where one isn't there."""
_YARN = {"factor", "original_max_position_embeddings", "beta_fast", "beta_slow"}


def write_metadata(writer: gguf.GGUFWriter, checkpoint: Checkpoint) -> None:
    """Write all but the tokenizer."""
    model = checkpoint.config
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(_name(checkpoint.folder.name))
    writer.add_vocab_size(model.vocabulary)
    writer.add_context_length(longest(model))
    writer.add_embedding_length(model.hidden)
    writer.add_block_count(model.layers)
    writer.add_feed_forward_length(model.intermediate)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.kv_heads)
    writer.add_key_length(model.head_dim)
    writer.add_value_length(model.head_dim)
    its = gguf_architecture(model)
    writer.add_float32(f"{its.name}.{its.epsilon}", model.epsilon)
    _write_scales(writer, model)
    if (experts := model.experts) is not None:
        writer.add_expert_count(experts.count)
        writer.add_expert_used_count(experts.used)
        writer.add_expert_feed_forward_length(experts.width)
        if experts.shared:
            writer.add_expert_shared_feed_forward_length(experts.shared)
    if gguf_architecture(model).full_every:
        windows = [each for each in model.windows if each is not None]
        writer.add_sliding_window(windows[0] if windows else model.positions)
    _write_rope(writer, model)


def _name(folder: str) -> str:
    """The folder's, unless llama.cpp would take it for one that has certain special tokens."""
    return "model" if any(each in folder.lower() for each in _GUESSED) else folder


def rope_factors(model: ModelConfig) -> NDArray[np.float32] | None:
    """LongRoPE's divisors of each frequency, (turned width / 2,); None without that scaling.

    Those of short sequences, for the file serves no others: see `longest`.
    """
    if model.rope.kind != "longrope":
        return None
    return np.array(model.rope.parameters["short_factor"], np.float32)


def rope_divisors(model: ModelConfig) -> NDArray[np.float32] | None:
    """What llama.cpp divides each frequency by, (head_dim / 2,); None where it is 1 for all.

    Only Llama 3's scaling is stored so.
    """
    if model.rope.kind != "llama3":
        return None
    divisors: NDArray[np.float32] = model.rope.unscaled(model.head_dim) / model.rope.frequencies(
        model.head_dim
    )
    return divisors


def check_rope(model: ModelConfig) -> None:
    """Refuse a scaling that llama.cpp has no equal of.

    Raises:
        UsageError: with the kind, or the parameter.
    """
    kind, architecture = model.rope.kind, gguf_architecture(model)
    said = {key for key, value in model.rope.parameters.items() if value is not None}
    extra = said - {"rope_type", "rope_theta"}
    known: dict[str, set[str]] = {"default": set(), "linear": {"factor"}, "yarn": _YARN}
    if architecture.takes_divisors:
        known["llama3"] = extra
    if architecture.takes_factors:
        known["longrope"] = extra
    if architecture.takes_parts:
        known = {name: {*keys, "partial_rotary_factor"} for name, keys in known.items()}
    if (own := model.window_rope) is not None and (own.kind != "default" or kind == "yarn"):
        kind = f"{kind} beside {own.kind}"
    if kind not in known:
        raise UsageError(
            f"rope_type {kind!r} can't be written as GGUF for {architecture.name}; "
            "use a PEFT engine"
        )
    if unknown := sorted(extra - known[kind]):
        raise UsageError(
            f"rope_parameters.{unknown[0]} can't be written as GGUF; use a PEFT engine"
        )


def _write_scales(writer: gguf.GGUFWriter, model: ModelConfig) -> None:
    """Those that the architecture is told."""
    architecture = gguf_architecture(model)
    write = {
        "embedding": writer.add_embedding_scale,
        "attention": writer.add_attention_scale,
        "residual": writer.add_residual_scale,
        "logits": writer.add_logit_scale,
        "attention_cap": writer.add_attn_logit_softcapping,
        "logits_cap": writer.add_final_logit_softcapping,
        "clip_qkv": writer.add_clamp_kqv,
    }
    for name in (*architecture.scales, *architecture.capped):
        if (value := getattr(model.scales, name)) is not None:
            write[name](value)


def _write_rope(writer: gguf.GGUFWriter, model: ModelConfig) -> None:
    """What llama.cpp needs to rotate as transformers does, where `check_rope` found that it can."""
    kind, rope = model.rope.kind, model.rope.parameters
    writer.add_rope_dimension_count(model.rope.width(model.head_dim))
    writer.add_rope_freq_base(model.rope.base)
    if model.window_rope is not None:
        writer.add_rope_freq_base_swa(model.window_rope.base)
    if kind == "longrope":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_attn_factors(model.rope.attention_factor)
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope.get("beta_fast") or 32.0)
        writer.add_rope_scaling_yarn_beta_slow(rope.get("beta_slow") or 1.0)
