"""What a file holds beside or instead of what its configuration asks for, said as it is."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import CONFIG, PREFIX, WEIGHTS
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from tests.fuzz.small_adapters import SOUND, make
from tests.fuzz.small_checkpoints import CONFIG as BASE

SHAPE = ModelConfig.from_config(BASE, "small")
Q = f"{PREFIX}model.layers.0.self_attn.q_proj"
HEAD, TABLE = f"{PREFIX}lm_head", f"{PREFIX}model.embed_tokens"
UNTRUE = ("cut short", "doesn't name", "its config names")


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "it", {}, "F32", SHAPE)


@pytest.fixture
def changed(folder):
    """What is said of the adapter with other tensors, and other values in its configuration."""

    def said(change, **values):
        save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)
        config = json.loads((folder / CONFIG).read_text()) | values
        (folder / CONFIG).write_text(json.dumps(config))
        with pytest.raises(UsageError) as refused:
            Adapter.open("it", folder, SHAPE)
        assert str(folder) in str(refused.value) and "\n" not in str(refused.value)
        return str(refused.value)

    return said


def beside(**sizes):
    """More tensors of zeros; names begin with `q`, `head` or `table`."""
    places = {"q": Q, "head": HEAD, "table": TABLE}

    def change(stored):
        for name, size in sizes.items():
            place, _, rest = name.partition(".")
            stored[f"{places[place]}.{rest}"] = torch.zeros(size)
        return stored

    return change


def instead(name, *size):
    return lambda stored: stored | {f"{Q}.{name}": torch.zeros(size)}


def as_it_is(stored):
    return stored


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_one_is_taken(kind, tmp_path):
    dtype, values = SOUND[kind]
    Adapter.open("it", make(tmp_path / "it", values, dtype, SHAPE), SHAPE)


UPDATED = {"head.lora_A.weight": (4, 32), "head.lora_B.weight": (288, 4)}
TABLES = {"table.lora_embedding_A": (4, 288), "table.lora_embedding_B": (32, 4)}
NAMED = {"target_modules": ["q_proj", "v_proj", "lm_head", "embed_tokens"]}
ALONG = [
    (UPDATED, NAMED, "no tensor .*embed_tokens.lora_embedding_A"),
    ({"head.base_layer.weight": (288, 32), **TABLES}, NAMED, "no tensor .*lm_head.lora_A.weight"),
    (UPDATED, {**NAMED, "use_dora": True}, "mean model.embed_tokens beside use_dora"),
    (TABLES, {**NAMED, "lora_bias": True}, "mean model.embed_tokens beside lora_bias"),
    (UPDATED, {}, "holds an update of lm_head, which target_modules don't mean"),
    (TABLES, {}, "holds an update of model.embed_tokens, which target_modules don't mean"),
    ({"table.lora_A.weight": (4, 288)}, {}, "it adapts model.embed_tokens|update of model.embed"),
    ({**UPDATED, **TABLES}, {**NAMED, "ensure_weight_tying": True}, "ensure_weight_tying"),
    ({"head.x": (288, 32)}, {}, "nothing that PEFT saves"),
    ({"head.weight": (289, 32)}, {}, r"lm_head.weight as \[289, 32\].*tokens added"),
    ({"head.weight": (289, 32)}, {"modules_to_save": ["lm_head"]}, "tokens added.*model=folder"),
    ({"head.weight": (287, 32)}, {}, "trained on another base"),
    ({"table.base_layer.weight": (288, 33)}, {}, "embed_tokens.weight along as"),
    ({"q.lora_B.bias": (32,)}, {}, "needs lora_bias"),
    ({"q.lora_magnitude_vector": (32,)}, {}, "needs use_dora"),
]
SAID = [
    ({"lora_bias": True}, "no tensor .*lora_B.bias"),
    ({"use_dora": True}, "no tensor .*lora_magnitude_vector"),
    ({"modules_to_save": ["lm_head"]}, "no tensor .*lm_head.weight"),
    ({"modules_to_save": ["_proj"]}, "modules_to_save .*in another way"),
    ({"trainable_token_indices": [1]}, "trainable_tokens_delta"),
    ({"trainable_token_indices": [288]}, "below 288"),
    ({"trainable_token_indices": [1, 1]}, "aren't different"),
    ({"trainable_token_indices": {"lm_head": [1]}}, "tokens of the embedding"),
    ({"target_modules": ["q_proj"]}, "holds an update of .*v_proj, which target"),
    ({"layers_to_transform": [0]}, "layers.1.*layers_to_transform"),
    ({"target_modules": ".*"}, "mean model too, of which the file has no update"),
    ({"r": 5}, "lora_A.weight is of rank 4, .* says 5"),
    ({"rank_pattern": {"v_proj": 2}}, "v_proj.lora_A.weight is of rank 4, .* says 2"),
]
STORED = [
    (instead("lora_B.weight", 32, 3), "q_proj.lora_B.weight is of rank 3"),
    (instead("lora_A.weight", 4, 31), r"made for another architecture: .*31\]"),
    (instead("lora_A.weight", 0, 32), "is of rank 0"),
    (instead("lora_A.weight", 4), r"another architecture: .*\[4\]"),
    (lambda t: {n: each for n, each in t.items() if "lora_A" not in n}, r"\(4 are missing\)"),
    (
        lambda t: t | {name.removeprefix(PREFIX): each.clone() for name, each in t.items()},
        "are both PEFT's",
    ),
    (
        lambda t: {n.replace(".weight", ".default.extra.weight"): each for n, each in t.items()},
        r"lora_A\.default\.extra\.weight",
    ),
]


@pytest.mark.parametrize(
    ("change", "values", "said"),
    [
        *((beside(**sizes), values, said) for sizes, values, said in ALONG),
        *((as_it_is, values, said) for values, said in SAID),
        *((change, {}, said) for change, said in STORED),
    ],
)
def test_what_isnt_asked_for_is_refused_for_what_it_is(change, values, said, changed):
    assert re.search(said, found := changed(change, **values)), found


@pytest.mark.parametrize(
    "prefix", ["transformer.", "base_model.decoder.", "lora_unet_", "model.model."]
)
def test_names_of_another_tool_are_called_that(prefix, changed):
    said = changed(lambda t: {n.replace(PREFIX, prefix): each for n, each in t.items()})
    assert "its tensors are called like" in said and f"{PREFIX}model.layers" in said
    assert not any(each in said for each in UNTRUE)


@pytest.mark.parametrize("dtype", ["int8", "int32", "bool", "uint8", "float8_e4m3fn"])
def test_numbers_that_arent_weights_are_refused_by_the_tensors_name(dtype, changed):
    said = changed(
        lambda t: t | {f"{Q}.lora_A.weight": torch.zeros(4, 32).to(getattr(torch, dtype))}
    )
    assert f"{Q}.lora_A.weight is stored as" in said
