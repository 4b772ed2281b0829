"""A decoder's dimensions and constants as GGUF metadata."""

import gguf

from pipeline.gguf.rope import write_rope
from pipeline.models.checkpoint import Checkpoint


def write_metadata(writer: gguf.GGUFWriter, checkpoint: Checkpoint) -> None:
    """Write all but the tokenizer.

    The context ends where a sliding window would begin to matter: llama.cpp attends to everything
    in these families.
    """
    shape = checkpoint.config
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(checkpoint.folder.name)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_context_length(shape.seen)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    write_rope(writer, shape)
