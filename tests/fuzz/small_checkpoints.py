"""Checkpoints of a few kilobytes with random weights, one for each way of storing them."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from pipeline.models.config import ModelConfig
from pipeline.models.stored_shapes import EMBEDDING, HEAD, expected

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny"
INDEX = "model.safetensors.index.json"
VOCABULARY = 288
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 4.0, "low_freq_factor": 1.0}
LLAMA3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 32}
CHECKPOINTS: dict[str, tuple[torch.dtype, int, dict[str, Any]]] = {
    "llama": (torch.float32, 1, {}),
    "llama tied": (torch.float16, 1, {"tie_word_embeddings": True, "num_hidden_layers": 1}),
    "llama sharded": (torch.float32, 2, {"attention_bias": True, "rope_parameters": LLAMA3}),
    "mistral": (torch.bfloat16, 1, {"model_type": "mistral", "sliding_window": 24}),
    "qwen2": (torch.float16, 2, {"model_type": "qwen2", "tie_word_embeddings": True}),
    "qwen3": (torch.float32, 1, {"model_type": "qwen3", "head_dim": 16, "num_hidden_layers": 1}),
}
"""Type of the numbers, shards, and what its `config.json` has beyond `CONFIG`."""
MOE = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
WITH_EXPERTS: dict[str, tuple[torch.dtype, int, dict[str, Any]]] = {
    "mixtral": (
        *(torch.float32, 2),
        {"model_type": "mixtral", "num_local_experts": 3, "num_experts_per_tok": 2},
    ),
    "qwen2_moe": (
        *(torch.bfloat16, 1),
        {"model_type": "qwen2_moe", "shared_expert_intermediate_size": 40, **MOE},
    ),
    "qwen3_moe": (
        *(torch.float32, 1),
        {"model_type": "qwen3_moe", "mlp_only_layers": [0], "norm_topk_prob": True, **MOE},
    ),
    "olmoe": (
        *(torch.float16, 1),
        {"model_type": "olmoe", "clip_qkv": 2.0, "tie_word_embeddings": True, **MOE},
    ),
}
"""The same of models with experts."""


def make(name: str, folder: Path) -> Path:
    """Write one of `CHECKPOINTS`, or of those `WITH_EXPERTS`."""
    dtype, shards, values = (CHECKPOINTS | WITH_EXPERTS)[name]
    folder.mkdir(parents=True)
    config = CONFIG | values
    (folder / "config.json").write_text(json.dumps(config))
    generation = {"bos_token_id": 1, "eos_token_id": [2], "do_sample": False}
    (folder / "generation_config.json").write_text(json.dumps(generation))
    _write_tokenizer(folder)
    shapes = expected(ModelConfig.from_config(config, name))
    if config["tie_word_embeddings"]:
        del shapes[HEAD]
    random = torch.manual_seed(0)
    tensors = {
        key: (torch.randn(shape, generator=random) * (1.0 if key == EMBEDDING else 0.3)).to(dtype)
        for key, shape in shapes.items()
    }
    _write_weights(folder, tensors, shards)
    return folder


def _write_weights(folder: Path, tensors: dict[str, torch.Tensor], shards: int) -> None:
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, files = sorted(tensors), {}
    for part in range(shards):
        file = f"model-{part + 1:05d}-of-{shards:05d}.safetensors"
        save_file({key: tensors[key] for key in names[part::shards]}, folder / file)
        files |= dict.fromkeys(names[part::shards], file)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": files}))


def _write_tokenizer(folder: Path) -> None:
    """The embedded model's, cut to its first tokens."""
    document = json.loads((TINY / "base" / "tokenizer.json").read_text("utf-8"))
    model = document["model"]
    own = {text: id_ for text, id_ in model["vocab"].items() if id_ < VOCABULARY}
    pairs = (each.split(" ") if isinstance(each, str) else each for each in model["merges"])
    model["vocab"] = own
    model["merges"] = [pair for pair in pairs if {*pair, "".join(pair)} <= own.keys()]
    (folder / "tokenizer.json").write_text(json.dumps(document))
    (folder / "tokenizer_config.json").write_bytes(
        (TINY / "base" / "tokenizer_config.json").read_bytes()
    )
