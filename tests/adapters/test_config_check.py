"""What an `adapter_config.json` may say: PEFT's own opinion is asked."""

import json
import shutil
from copy import deepcopy

import pytest
from peft import LoraConfig, get_peft_model

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import LoraFile
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
    {"r": 0},
    {"r": -4},
    {"rank_pattern": None},
    {"rank_pattern": "q_proj"},
    {"rank_pattern": {"q_proj": 0}},
    {"alpha_pattern": None},
    {"lora_dropout": None},
    {"bias": None},
    {"target_modules": []},
    {"target_modules": ALL, "layers_to_transform": 0},
    {"target_modules": ALL, "layers_pattern": ""},
    {"target_modules": [*SEVEN, "act_fn"]},
    {"layers_to_transform": [7]},
    {"exclude_modules": SEVEN},
    {"exclude_modules": ".*("},
    {"eva_config": 5},
    {"lora_bias": True, "use_dora": True},
    {"lora_bias": True, "init_lora_weights": "gaussian"},
    {"lora_alpha": [8]},
]
NOT_FINITE = [
    {"lora_alpha": float("nan")},
    {"lora_alpha": 1e300},
    {"lora_alpha": 10**400},
    {"lora_alpha": -1e39, "use_rslora": True},
    {"alpha_pattern": {"q_proj": float("inf")}},
    {"alpha_pattern": {"q_proj": 1e40}},
]
"""PEFT takes these, and answers with NaN."""
UNTRUE = [
    {"r": True},
    {"lora_alpha": True},
    {"modules_to_save": "lm_head"},
    {"trainable_token_indices": []},
    {"use_dora": "no"},
    {"use_rslora": 1},
    {"layers_to_transform": [True]},
    {"target_modules": [5]},
]
"""PEFT takes some of these, by what Python makes of them."""
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


@pytest.mark.parametrize("values", IMPOSSIBLE + NOT_FINITE + UNTRUE + HALF_SAID, ids=json.dumps)
def test_an_impossible_value_is_refused_in_one_line(values, saying, checkpoint):
    with pytest.raises(UsageError) as refused:
        Adapter.open("csv", saying(values), checkpoint.config)
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
    adapter = Adapter.open("csv", saying({"lora_alpha": alpha}), checkpoint.config)
    assert adapter.lora.scaling("model.layers.0.self_attn.q_proj") == alpha / 8


@pytest.mark.parametrize("left_out", [("r",), ("lora_alpha",), ("r", "lora_alpha")])
def test_what_is_left_out_is_pefts_default(left_out, saying, checkpoint):
    folder = saying({})
    path = folder / "adapter_config.json"
    kept = {
        key: value for key, value in json.loads(path.read_text()).items() if key not in left_out
    }
    path.write_text(json.dumps(kept))
    theirs = LoraConfig.from_pretrained(str(folder))
    lora = LoraFile.read(folder)
    assert (lora.rank("model.layers.0.self_attn.q_proj"), lora.alpha) == (8, theirs.lora_alpha)
    Adapter.open("csv", folder, checkpoint.config)


def test_without_target_modules_they_are_pefts(saying, checkpoint):
    with pytest.raises(UsageError, match=r"holds an update of .*, which target_modules don't"):
        Adapter.open("csv", saying({"target_modules": None}), checkpoint.config)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b'{"peft_type": "LORA"', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"x": "\xff"}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON .*BOM"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"r": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"{}", "peft_type None isn't LORA"),
        (b'{"peft_type": ["LORA"]}', "isn't LORA"),
        (b" " * (5 << 20), "has more than the 4 MiB"),
    ],
    ids=lambda value: repr(value[:16]),
)
def test_what_is_no_configuration_is_refused_by_its_path(content, said, saying):
    folder = saying({})
    (folder / "adapter_config.json").write_bytes(content)
    with pytest.raises(UsageError, match=said) as refused:
        LoraFile.read(folder)
    assert "csv" in str(refused.value) and "\n" not in str(refused.value)
