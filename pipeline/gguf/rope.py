"""Rotary embedding in GGUF: base frequency, and the ways of stretching it."""

from typing import TYPE_CHECKING

import gguf

from pipeline.errors import UsageError
from pipeline.gguf.layout import gguf_architecture
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig

if TYPE_CHECKING:
    from torch import Tensor

_YARN = {"factor", "original_max_position_embeddings", "beta_fast", "beta_slow"}


def write_rope(writer: gguf.GGUFWriter, model: ModelConfig) -> None:
    """Write what llama.cpp needs to rotate as transformers does.

    Raises:
        UsageError: llama.cpp has no equal of this model's scaling.
    """
    rope, kind = model.rope, check_rope(model)
    writer.add_rope_dimension_count(model.head_dim)
    writer.add_rope_freq_base(rope["rope_theta"])
    if kind == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
        writer.add_rope_scaling_yarn_beta_fast(rope.get("beta_fast") or 32.0)
        writer.add_rope_scaling_yarn_beta_slow(rope.get("beta_slow") or 1.0)


def frequency_divisors(checkpoint: Checkpoint) -> "Tensor | None":
    """What llama.cpp divides each frequency by, (head_dim / 2,); None where it is 1 for all.

    Only Llama 3's scaling is stored so; both sets of frequencies are transformers' own.
    """
    rope, width = checkpoint.config.rope, checkpoint.config.head_dim
    if rope["rope_type"] != "llama3":
        return None
    import torch
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    config = AutoConfig.from_pretrained(str(checkpoint.folder), trust_remote_code=False)
    plain = rope["rope_theta"] ** -(torch.arange(0, width, 2, dtype=torch.float32) / width)
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, torch.device("cpu"))
    divisors: Tensor = plain / scaled
    return divisors


def check_rope(model: ModelConfig) -> str:
    """The kind of scaling.

    Raises:
        UsageError: llama.cpp has no equal of it.
    """
    rope = model.rope
    kind = str(rope.get("rope_type", "default"))
    here = gguf_architecture(model)
    extra = {key for key, value in rope.items() if value is not None} - {"rope_type", "rope_theta"}
    known = {"default": set(), "linear": {"factor"}, "yarn": _YARN}
    if here == "llama":
        known["llama3"] = extra
    if kind not in known:
        raise UsageError(
            f"rope_type {kind!r} can't be written as GGUF for {here}; use a PEFT engine"
        )
    if unknown := sorted(extra - known[kind]):
        raise UsageError(
            f"rope_parameters.{unknown[0]} can't be written as GGUF; use a PEFT engine"
        )
    return kind
