"""The `config.json` of the model in a GGUF file."""

from typing import Any

from pipeline.errors import UsageError
from pipeline.gguf.file import GgufFile
from pipeline.gguf.layout import ARCHITECTURES
from pipeline.gguf.said import Said
from pipeline.gguf.stored_rope import rope_in
from pipeline.gguf.stored_values import BEYOND, PLAIN
from pipeline.models.families import FAMILIES
from pipeline.models.family import EXPERTS, EXPERTS_USED, PROJECTIONS, Family

_DIMENSIONS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "max_position_embeddings": "context_length",
}
"""What every decoder says: keys of a `config.json`, and GGUF's behind the architecture's name."""
_IDS = {
    "bos_token_id": "tokenizer.ggml.bos_token_id",
    "eos_token_id": "tokenizer.ggml.eos_token_id",
    "pad_token_id": "tokenizer.ggml.padding_token_id",
    "unk_token_id": "tokenizer.ggml.unknown_token_id",
}
"""Keys of a `config.json`, and GGUF's."""
_STORED = (
    *("attn_q", "attn_k", "attn_v", "attn_output"),
    *("ffn_gate", "ffn_up", "ffn_down"),
)
_NAMES = dict(zip(PROJECTIONS, _STORED, strict=True))
"""Projections, and what GGUF calls them."""


def config_in(file: GgufFile) -> dict[str, Any]:
    """What transformers' `config.json` would say of the model.

    Raises:
        UsageError: it holds no model, only a part of one, or one of an architecture that isn't
            served here; or it doesn't say what every decoder has.
    """
    said = Said.of(file)
    family = _family(said)
    beyond = BEYOND.get(said.architecture, PLAIN)
    said.refuse_unknown(beyond.keys)
    if (layers := said.count("block_count")) > len(file.tensors):
        raise UsageError(
            f"{file.path}: {said.architecture}.block_count is {layers}, and it holds "
            f"{len(file.tensors)} tensors; fetch it again"
        )
    heads, head_dim = said["attention.head_count"], _head_dim(said)
    config = {
        "model_type": family.name,
        **{ours: said[theirs] for ours, theirs in _DIMENSIONS.items()},
        "rms_norm_eps": said[ARCHITECTURES[said.architecture].epsilon],
        "num_key_value_heads": said.get("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "vocab_size": _rows(file, "token_embd.weight"),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "rope_parameters": rope_in(said, family, head_dim),
        **(_experts(said) if family.experts else {}),
        **beyond.values(said, head_dim),
        "dtype": "float32",
        **{ours: file.metadata.get(id_) for ours, id_ in _IDS.items()},
    }
    return config | _biases(file, family)


def _family(said: Said) -> Family:
    """The first of the families that llama.cpp computes so: what it calls Llama is one."""
    name = said.architecture
    several = bool(said.get("expert_count", 0))
    found = [
        each for each in FAMILIES.values() if each.gguf == name and bool(each.experts) == several
    ]
    if not found or name not in ARCHITECTURES:
        raise UsageError(
            f"{said.file.path}: general.architecture is {name!r:.80}, with "
            f"{said.get('expert_count', 0)!r:.20} experts; use one of {', '.join(ARCHITECTURES)}"
        )
    return found[0]


def _experts(said: Said) -> dict[str, Any]:
    """Of a family that has any, in all layers."""
    inside = said.count("feed_forward_length")
    return {
        EXPERTS: said.count("expert_count"),
        EXPERTS_USED: said.count("expert_used_count"),
        "moe_intermediate_size": said.count("expert_feed_forward_length", inside),
        "shared_expert_intermediate_size": said.count("expert_shared_feed_forward_length", inside),
        "norm_topk_prob": ARCHITECTURES[said.architecture].experts == "one",
    }


def _head_dim(said: Said) -> int:
    """As llama.cpp takes it: the heads share the residual stream unless the file says otherwise."""
    heads, hidden = said.count("attention.head_count"), said.count("embedding_length")
    width = said.count("attention.key_length", max(hidden // heads, 1))
    in_part = ARCHITECTURES[said.architecture].takes_parts
    for key in ("attention.value_length", *(() if in_part else ("rope.dimension_count",))):
        if said.count(key, width) != width:
            raise UsageError(
                f"{said.file.path}: {said.architecture}.{key} is {said.get(key)}, a head is "
                f"{width} wide; no engine here serves the two apart"
            )
    return width


def _rows(file: GgufFile, name: str) -> int:
    if name not in file.tensors:
        raise UsageError(f"{file.path}: no tensor {name}; convert or fetch the model again")
    return file.tensors[name].shape[0]


def _biases(file: GgufFile, family: Family) -> dict[str, bool]:
    """Keys of those families whose `config.json` says whether there are any."""
    return {
        key: f"blk.0.{_NAMES[projections[0]]}.bias" in file.tensors
        for key, projections in family.biases.items()
    }
