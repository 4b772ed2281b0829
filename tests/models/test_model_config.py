"""The one description of a model, against transformers' own reading of the same `config.json`."""

import json

import pytest
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.families import FAMILIES
from pipeline.models.stored_shapes import expected
from pipeline.models.synthetic import ARCHITECTURES

SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 32,
    "vocab_size": 64,
}
SAID = {
    "silent": {},
    "kv heads": {"num_key_value_heads": 4},
    "positions": {"max_position_embeddings": 99},
    "tied": {"tie_word_embeddings": True},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "epsilon and activation": {"rms_norm_eps": 1e-3, "hidden_act": "gelu"},
    "a window": {"sliding_window": 7, "use_sliding_window": True, "max_window_layers": 1},
    "a window that isn't used": {"sliding_window": 7, "use_sliding_window": False},
    "no window": {"sliding_window": None},
    "layers by kind": {
        "head_dim": 4,
        "sliding_window": 7,
        "use_sliding_window": True,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "old rope": {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}},
    "llama3 rope": {
        "rope_theta": 5e5,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    },
    "yarn of no stated length": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0}},
    "new rope": {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}},
    "part of a head": {"partial_rotary_factor": 0.5},
}


def both(family, said, tmp_path):
    values = {"model_type": family, **SHAPE, **SAID[said]}
    (tmp_path / "config.json").write_text(json.dumps(values))
    return ModelConfig.read(tmp_path), AutoConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_read_as_transformers_reads_it(family, said, tmp_path):
    mine, theirs = both(family, said, tmp_path)
    assert mine.positions == theirs.max_position_embeddings
    assert mine.kv_heads == theirs.num_key_value_heads
    assert mine.head_dim == getattr(theirs, "head_dim", mine.hidden // mine.heads)
    assert (mine.tied, mine.epsilon) == (theirs.tie_word_embeddings, theirs.rms_norm_eps)
    assert mine.activation == theirs.hidden_act
    assert {k: v for k, v in mine.rope.parameters.items() if v is not None} == {
        k: v for k, v in theirs.rope_parameters.items() if v is not None and k != "type"
    }


@pytest.mark.parametrize("said", ["silent", "biases", "kv heads"])
@pytest.mark.parametrize("family", FAMILIES)
def test_its_tensors_are_those_that_transformers_loads(family, said, tmp_path):
    mine, theirs = both(family, said, tmp_path)
    model = AutoModelForCausalLM.from_config(theirs)
    assert expected(mine) == {k: tuple(v.shape) for k, v in model.state_dict().items()}


@pytest.mark.parametrize(
    "said", ["silent", *(each for each in SAID if "layers" in each or "window" in each)]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_its_windows_are_those_of_transformers_layers(family, said, tmp_path):
    mine, theirs = both(family, said, tmp_path)
    layers = AutoModelForCausalLM.from_config(theirs).model.layers
    if theirs.model_type == "mistral":
        assert mine.windows == (theirs.sliding_window,) * 3
    else:
        windows = [getattr(layer.self_attn, "sliding_window", None) for layer in layers]
        assert mine.windows == tuple(windows)
    assert mine.seen == min([mine.positions, *(each for each in mine.windows if each)])


def test_an_unknown_family_is_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(UsageError, match=r"config\.json: model_type 'gpt2' isn't supported"):
        ModelConfig.read(tmp_path)


def test_a_missing_dimension_is_refused_by_name(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama", "hidden_size": 8}))
    with pytest.raises(UsageError, match=r"config\.json: num_attention_heads is missing"):
        ModelConfig.read(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"hidden_size": "128"}, "hidden_size is '128', not a whole number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"vocab_size": 64.5}, "vocab_size is 64.5"),
        ({"num_key_value_heads": 5}, "32 heads of 4 can't share 5"),
        ({"head_dim": 3}, "32 heads of 3"),
        ({"pad_token_id": 64}, "pad_token_id is 64, beyond vocab_size=64"),
        ({"rope_scaling": {"type": "linear"}}, "rope_type 'linear' needs factor"),
    ],
    ids=str,
)
def test_impossible_values_are_refused_by_name(value, said, tmp_path):
    values = {"model_type": "llama", **SHAPE, **value}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match=rf"config\.json: {said}"):
        ModelConfig.read(tmp_path)


@pytest.mark.parametrize("shape", ARCHITECTURES)
def test_a_synthetic_model_is_known_as_it_will_be_made(shape, tmp_path):
    said = dict(ARCHITECTURES[shape])
    known = ModelConfig.from_config(said, "here")
    AutoConfig.for_model(said.pop("model_type"), **said).save_pretrained(tmp_path)
    assert ModelConfig.read(tmp_path) == known
