"""A decoder's dimensions and constants as GGUF metadata."""

from typing import Any

import gguf

from pipeline.errors import UsageError
from pipeline.models.architecture import Architecture
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.gguf_rope import write_rope


def read_config(checkpoint: Checkpoint) -> Any:
    """The configuration as transformers reads it, with defaults for what `config.json` leaves out.

    Raises:
        UsageError: llama.cpp would compute something else than transformers.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(checkpoint.folder), trust_remote_code=False)
    where, shape = checkpoint.folder, checkpoint.architecture
    if getattr(config, "quantization_config", None):
        raise UsageError(f"{where}: its weights are quantised already; name the original model")
    if config.hidden_act != "silu":
        raise UsageError(f"{where}: llama.cpp has no {config.hidden_act!r} here, only 'silu'")
    if shape.family == "qwen2" and shape.heads * shape.head_dim != shape.hidden:
        raise UsageError(f"{where}: llama.cpp's qwen2 needs head_dim = hidden_size / heads")
    return config


def write_metadata(writer: gguf.GGUFWriter, checkpoint: Checkpoint, config: Any) -> None:
    """Write all but the tokenizer."""
    shape = checkpoint.architecture
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(checkpoint.folder.name)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(_context(config, shape))
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    write_rope(writer, config, shape)


def _context(config: Any, shape: Architecture) -> int:
    """llama.cpp attends to everything in these families: a sliding window ends what is equal."""
    used = getattr(config, "use_sliding_window", True)
    window = getattr(config, "sliding_window", None) if used else None
    return min(shape.positions, window) if window else shape.positions
