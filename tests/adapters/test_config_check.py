"""What an `adapter_config.json` may say: PEFT's own opinion is asked."""

import json
import shutil
from copy import deepcopy

import pytest
from peft import LoraConfig, get_peft_model

from pipeline.adapters.adapter import Adapter
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from tests.models.edited import BASE

TINY = BASE.parent

SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ALL = r".*\.(q|k|v|o|gate|up|down)_proj"
IMPOSSIBLE = [
    {"r": "8"},
    {"r": 8.0},
    {"r": None},
    {"rank_pattern": {"q_proj": "8"}},
    {"rank_pattern": {"(q_proj": 8}},
    {"lora_alpha": "16"},
    {"lora_alpha": None},
    {"alpha_pattern": {"q_proj": "x"}},
    {"target_modules": 5},
    {"target_modules": "(q_proj"},
    {"target_modules": ALL, "layers_to_transform": [0, 1, 2]},
    {"target_modules": [*SEVEN, "self_attn"]},
    {"layers_pattern": "layers"},
    {"layers_to_transform": [0, 1, 2], "layers_pattern": "h"},
    {"lora_dropout": "x"},
    {"lora_dropout": 2.0},
    {"bias": "weird"},
    {"task_type": "XX"},
    {"megatron_config": {"x": 1}},
]
NOT_FINITE = [{"lora_alpha": float("nan")}, {"alpha_pattern": {"q_proj": float("inf")}}]
"""PEFT takes these, and answers with NaN."""
HALF_SAID = [{"target_modules": [*SEVEN, name]} for name in ("lm_head", "embed_tokens")]
"""PEFT takes these, and begins what the file hasn't with random numbers."""


@pytest.fixture(scope="module")
def checkpoint():
    """The embedded base model."""
    return Checkpoint.open(TINY / "base")


@pytest.fixture
def saying(tmp_path):
    def folder(values):
        made = shutil.copytree(TINY / "adapters" / "csv", tmp_path / "csv")
        path = made / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return made

    return folder


@pytest.mark.parametrize("values", IMPOSSIBLE + NOT_FINITE + HALF_SAID, ids=json.dumps)
def test_an_impossible_value_is_refused_in_one_line(values, saying, checkpoint):
    with pytest.raises(UsageError) as refused:
        Adapter.open("csv", saying(values), checkpoint.architecture)
    assert "csv" in str(refused.value) and "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def skeleton(checkpoint):
    """The embedded model without its weights."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(checkpoint.folder))


@pytest.mark.parametrize("values", IMPOSSIBLE, ids=json.dumps)
def test_peft_fails_at_what_is_refused(values, saying, skeleton):
    with pytest.raises(Exception) as failed:
        get_peft_model(deepcopy(skeleton), LoraConfig.from_pretrained(str(saying(values))))
    assert not isinstance(failed.value, UsageError)


@pytest.mark.parametrize("alpha", [0, -16, 0.5])
def test_any_finite_alpha_is_served(alpha, saying, checkpoint):
    adapter = Adapter.open("csv", saying({"lora_alpha": alpha}), checkpoint.architecture)
    assert adapter.lora.scaling("model.layers.0.self_attn.q_proj") == alpha / 8
