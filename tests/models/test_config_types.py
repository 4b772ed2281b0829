"""What a `config.json` may say: transformers' own opinion is asked."""

import pytest
from transformers import AutoConfig
from transformers.activations import ACT2FN
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config_check import ACTIVATIONS
from pipeline.models.config_types import check_types, types_of
from pipeline.models.families import FAMILIES
from pipeline.models.rope import NEEDS
from tests.models.edited import copied, reconfigure

SAMPLES = (True, 3, 0.5, "gelu", None, [1], {"a": 1})
OURS = {"rope_parameters", "rope_scaling", "rope_theta", "layer_types"}
OURS |= {"auto_map", "id2label", "num_labels", "base_model_tp_plan"}
"""What transformers tells by its values, not its types."""
FITTING = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4}


def refuses(family, key, value):
    try:
        AutoConfig.for_model(family, **{**FITTING, key: value})
    except Exception as error:
        return "Validation" in type(error).__name__ and "Field" in str(error)
    return False


def refused_here(family, key, value):
    try:
        check_types({"model_type": family, key: value}, "config.json")
    except UsageError:
        return True
    return False


@pytest.mark.parametrize("family", FAMILIES)
def test_types_are_those_that_transformers_insists_on(family):
    for key in types_of(family).keys() - OURS:
        refused = {str(value) for value in SAMPLES if refuses(family, key, value)}
        here = {str(value) for value in SAMPLES if refused_here(family, key, value)}
        assert (key, refused) == (key, here)


def test_activations_and_ropes_are_those_that_transformers_knows():
    assert {*ACTIVATIONS} == {*ACT2FN}
    assert {*NEEDS} == {"default", *ROPE_INIT_FUNCTIONS}


@pytest.mark.parametrize(
    "values",
    [
        {"rope_scaling": "linear"},
        {"rope_parameters": {"rope_type": "su", "rope_theta": 1e4}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": "1e4"}},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 10**400}},
        {"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0]}},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 0}},
        {"hidden_act": "swoosh"},
        {"rms_norm_eps": float("nan")},
        {"initializer_range": float("-inf")},
        {"initializer_range": 1.5},
        {"is_causal": False},
        {"is_causal": 1},
        {"return_dict": False},
        {"output_attentions": [None]},
        {"_attn_implementation": ["sdpa"]},
        {"layer_types": 0.5},
        {"layer_types": [None]},
        {"rope_parameters": {"rope_type": [], "rope_theta": 1e4}},
        {"auto_map": 5},
        {"partial_rotary_factor": 2.0},
        {"model_type": "mistral", "sliding_window": 1},
        {"num_attention_heads": 6, "num_key_value_heads": 2},
        {"quantization_config": {}},
        {"transformers_weights": 5},
        {"model_type": "mistral", "sliding_window": "4096"},
    ],
    ids=lambda values: "-".join(values),
)
def test_a_value_of_a_config_is_refused_by_file_and_key(values, tmp_path):
    folder = copied(tmp_path / "base")
    reconfigure(folder, **values)
    with pytest.raises(UsageError) as refused:
        Checkpoint.open(folder)
    assert "config.json" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("generation_config.json", "{"),
        ("generation_config.json", "[]"),
        ("generation_config.json", '{"eos_token_id": "2"}'),
        ("generation_config.json", '{"eos_token_id": [[2]]}'),
        ("tokenizer_config.json", "[]"),
        ("tokenizer_config.json", '{"added_tokens_decoder": [1]}'),
        ("tokenizer_config.json", '{"split_special_tokens": true}'),
        ("adapter_config.json", "{}"),
    ],
)
def test_a_file_beside_the_weights_is_refused_by_name(file, text, tmp_path):
    folder = copied(tmp_path / "base")
    (folder / file).write_text(text)
    with pytest.raises(UsageError, match=file):
        Checkpoint.open(folder)


def test_an_index_of_what_are_no_files_is_refused(tmp_path):
    folder = copied(tmp_path / "base")
    (folder / "model.safetensors").unlink()
    path = folder / "model.safetensors.index.json"
    path.write_text('{"metadata": {}, "weight_map": {"a": 5}}')
    with pytest.raises(UsageError, match=path.name):
        Checkpoint.open(folder)


def test_a_tokenizer_that_the_library_cant_read_is_refused_in_a_line(tmp_path):
    folder = copied(tmp_path / "base")
    reconfigure(folder, "tokenizer.json", pre_tokenizer={"type": "Novel"})
    with pytest.raises(UsageError, match=r"tokenizer\.json: tokenizers can't read it"):
        Checkpoint.open(folder).tokenizer()
