"""Adapters of models with experts, as PEFT saves them and as it saved them once."""

import json

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.variants import EXPERTS
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig

SHAPE = {
    **{"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "vocab_size": 64},
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "pad_token_id": 0, "eos_token_id": 1},
    **{"num_local_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
}


@pytest.fixture(params=["mixtral", "qwen3_moe", "olmoe"])
def saved(request, tmp_path):
    """What `Adapter.open` makes of an adapter that PEFT has saved."""

    def opened(**values):
        config = AutoConfig.for_model(request.param, **SHAPE)
        with torch.device("cpu"):
            model = AutoModelForCausalLM.from_config(config)
        config.save_pretrained(tmp_path)
        peft = get_peft_model(model, LoraConfig(r=4, task_type="CAUSAL_LM", **values))
        peft.save_pretrained(tmp_path / "it")
        return Adapter.open("it", tmp_path / "it", ModelConfig.read(tmp_path))

    return opened


def test_attention_alone_is_taken(saved):
    assert len(saved(target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]).lora.shapes) == 16


TODAYS = (
    {"target_modules": "all-linear"},
    {"target_modules": ["q_proj", "gate"]},
    {"target_modules": ["v_proj", "w1", "w2", "w3", "gate_proj", "up_proj", "down_proj"]},
    {"target_modules": ["q_proj"], "target_parameters": ["mlp.experts.down_proj"]},
)


@pytest.mark.parametrize("values", TODAYS, ids=str)
def test_what_peft_makes_of_experts_today_is_taken(saved, values):
    lora = saved(**values).lora
    assert lora.unusual() == [EXPERTS]
    assert any(".mlp.experts." in name or ".mlp.gate." in name for name in lora.shapes)


def test_a_router_that_is_saved_whole_is_refused_by_name(saved):
    with pytest.raises(UsageError, match=r"modules_to_save \['gate'\] mean .*mlp\.gate too"):
        saved(target_modules=["q_proj"], modules_to_save=["gate"])


def test_another_parameter_of_the_model_is_refused_by_name(saved):
    with pytest.raises(UsageError, match=r"target_parameters \['lm_head.weight'\] mean lm_head"):
        saved(target_modules=["q_proj"], target_parameters=["lm_head.weight"])


@pytest.mark.parametrize("named", ["w1", "gate"])
def test_what_it_made_of_them_before_becomes_what_it_makes_today(named, tmp_path):
    """One linear layer an expert."""
    config = {"model_type": "mixtral", **SHAPE, "num_hidden_layers": 1}
    model = ModelConfig.from_config(config, "small")
    block = "model.layers.0.block_sparse_moe"
    modules = {"w1": [f"{block}.experts.{n}.w1" for n in range(3)], "gate": [f"{block}.gate"]}
    tensors = {}
    for module in modules[named]:
        name, out = f"base_model.model.{module}", 48 if named == "w1" else 3
        tensors |= {
            f"{name}.lora_A.weight": torch.zeros(4, 32),
            f"{name}.lora_B.weight": torch.zeros(out, 4),
        }
    said = {"peft_type": "LORA", "r": 4, "target_modules": [named]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(said))
    save_file(tensors, tmp_path / "adapter_model.safetensors")
    lora = Adapter.open("it", tmp_path, model, tmp_path / "cache").lora
    assert lora.origin == tmp_path and lora.config["target_parameters"] == [
        "model.layers.0.mlp." + ("gate.weight" if named == "gate" else "experts.gate_up_proj")
    ]


@pytest.mark.parametrize("targets", ["all-linear", ["w1", "w3", "gate_proj", "up_proj"]], ids=str)
def test_experts_named_in_both_ways_are_refused(targets, saved, tmp_path):
    """PEFT makes parameters of both, and asks for other tensors than either alone."""
    values = {"target_modules": ["q_proj"], "target_parameters": ["mlp.experts.down_proj"]}
    lora = saved(**values).lora
    config = {**lora.config, "target_modules": targets}
    (tmp_path / "it" / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=r"mean model\.layers\.0\.\w+\.experts\.0\.\w+, whose"):
        Adapter.open("it", tmp_path / "it", ModelConfig.read(tmp_path))
