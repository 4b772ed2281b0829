"""Experts as a `config.json` tells of them: as transformers reads it, absurd numbers refused."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from tests.models.edited import BASE

SHAPE = {
    **{"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "vocab_size": 2048},
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "pad_token_id": 0, "eos_token_id": 1},
    **{"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "shared_expert_intermediate_size": 24,
}
FAMILIES = ("mixtral", "qwen2_moe", "qwen3_moe", "olmoe")
SAID = (
    {},
    {"num_experts": 7},
    {"num_local_experts": 5},
    {"mlp_only_layers": [1], "decoder_sparse_step": 2},
)


@pytest.mark.parametrize("said", SAID, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_counted_as_transformers_counts_them(family, said, tmp_path):
    values = {"model_type": family, **SHAPE, **said}
    (tmp_path / "config.json").write_text(json.dumps(values))
    mine = ModelConfig.read(tmp_path)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tmp_path))
    for layer, block in enumerate(each.mlp for each in model.model.layers):
        assert mine.has_experts(layer) == hasattr(block, "experts")
        if mine.has_experts(layer):
            assert block.experts.num_experts == mine.experts.count
            assert block.gate.top_k == mine.experts.used
            assert getattr(block.gate, "norm_topk_prob", True) == mine.experts.normalised
    assert mine.linear == sum(
        each.numel()
        for name, each in model.named_parameters()
        if ".layers." in name and "norm" not in name and "bias" not in name
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_experts_per_tok": 6}, "num_experts_per_tok is 6, of 5 experts"),
        ({"num_experts_per_tok": 0}, "num_experts_per_tok is 0"),
        ({"num_experts": 0}, "num_experts is 0"),
        ({"num_experts": "5"}, "num_experts is '5'"),
        ({"num_experts": 1025}, "1025 experts in each of 4 layers, beyond 1024"),
        ({"num_experts": 1000, "num_hidden_layers": 51}, "beyond 1024 a layer or 50000 in all"),
        ({"num_experts": 5, "num_local_experts": 4}, "num_experts is 5, num_local_experts 4"),
    ],
)
def test_absurd_numbers_are_refused(family, values, said):
    with pytest.raises(UsageError, match=said) as refused:
        ModelConfig.from_config({"model_type": family, **SHAPE, **values}, "config.json")
    assert "\n" not in str(refused.value)


def test_what_no_engine_computes_is_refused():
    with pytest.raises(UsageError, match="mlp_only_layers must hold numbers"):
        values = {"model_type": "qwen3_moe", **SHAPE, "mlp_only_layers": ["0"]}
        ModelConfig.from_config(values, "config.json")


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        (8, "clip_qkv is 8, not a number with a point or null"),
        (True, "clip_qkv is True, not a number"),
        (float("nan"), "clip_qkv is nan, not a number"),
        (float("inf"), "clip_qkv is inf, not a number"),
        (0.0, "clip_qkv is 0, which leaves nothing"),
        (-8.0, "clip_qkv is -8, no bound"),
        (1e39, r"clip_qkv is 1e\+39, no bound"),
    ],
)
def test_a_clip_that_leaves_no_queries_is_refused(clip, said):
    values = {"model_type": "olmoe", **SHAPE, "clip_qkv": clip}
    with pytest.raises(UsageError, match=said):
        ModelConfig.from_config(values, "config.json")


def test_a_clip_is_a_part_of_the_recipe_where_there_is_one():
    plain, clipped = (
        ModelConfig.from_config({"model_type": "olmoe", **SHAPE, "clip_qkv": clip}, "config.json")
        for clip in (None, 8.0)
    )
    assert plain.scales.clip_qkv is None and clipped.scales.clip_qkv == 8.0
    assert "clip_qkv" not in plain.recipe_line and "clip_qkv=8.0" in clipped.recipe_line


@pytest.mark.parametrize("change", ["missing", "shape", "extra", "router"])
def test_tensors_of_experts_that_dont_fit_are_named(change, tmp_path):
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen3_moe", **SHAPE))
    model.save_pretrained(tmp_path)
    shutil.copy(BASE / "tokenizer.json", tmp_path)
    Checkpoint.open(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    name = "model.layers.2.mlp.experts.3.up_proj.weight"
    if change == "missing":
        del tensors[name]
    elif change == "shape":
        tensors[name] = tensors[name][1:].clone()
    elif change == "extra":
        name = name.replace("experts.3", "experts.5")
        tensors[name] = torch.zeros(16, 32)
    else:
        name = "model.layers.2.mlp.gate.weight"
        del tensors[name]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match=name):
        Checkpoint.open(tmp_path)
