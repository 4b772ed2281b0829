"""The one description of a model, against transformers' own reading of the same `config.json`."""

import json

import numpy as np
import pytest
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.core_model_loading import revert_weight_conversion
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.families import FAMILIES
from pipeline.models.stored_shapes import expected
from pipeline.models.synthetic import ARCHITECTURES
from pipeline.models.windows import FULL, SLIDING

SHAPE = {
    "hidden_size": 128,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 32,
    "vocab_size": 64,
    "pad_token_id": 0,
    # Of families with experts, whose models would be large otherwise.
    **{"num_experts": 9, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 24},
}
YARN = {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0}
ONE = {
    **{"rope_type": "longrope", "original_max_position_embeddings": 1, "rope_theta": 500.0},
    **{"short_factor": [1.0, 1.0], "long_factor": [1.0, 1.0]},
}
"""A first context of one position."""
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


def rope_of(parameters):
    return {k: v for k, v in parameters.items() if v is not None and k != "type"}


ROPES = {"old rope", "llama3 rope", "yarn of no stated length"}
READ = [(f, said) for f in FAMILIES for said in SAID if said not in ROPES or not FAMILIES[f].ropes]


@pytest.mark.parametrize(("family", "said"), READ)
def test_it_is_read_as_transformers_reads_it(family, said, tmp_path):
    mine, theirs = both(family, said, tmp_path)
    assert mine.positions == theirs.max_position_embeddings
    assert mine.kv_heads == theirs.num_key_value_heads
    assert mine.head_dim == (getattr(theirs, "head_dim", None) or mine.hidden // mine.heads)
    assert mine.tied == theirs.tie_word_embeddings
    fixed = FAMILIES[family].fixed  # of which no configuration tells
    assert mine.epsilon == (fixed.get("rms_norm_eps") or theirs.rms_norm_eps)
    assert mine.activation == getattr(theirs, FAMILIES[family].keys.get("hidden_act", "hidden_act"))
    if mine.window_rope is None:
        assert rope_of(mine.rope.parameters) == rope_of(theirs.rope_parameters)
    else:
        ours = {FULL: mine.rope, SLIDING: mine.window_rope}
        for layers, rope in ours.items():
            assert rope_of(rope.parameters) == rope_of(theirs.rope_parameters[layers])


@pytest.mark.parametrize("family", [name for name in FAMILIES if FAMILIES[name].ropes])
@pytest.mark.parametrize("said", ["old rope", "llama3 rope"])
def test_a_rope_that_transformers_refuses_in_a_family_is_refused(family, said, tmp_path):
    values = {"model_type": family, **SHAPE, **SAID[said]}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(Exception, match="must be one of"):
        AutoConfig.from_pretrained(tmp_path)
    with pytest.raises(UsageError, match="isn't known to transformers"):
        ModelConfig.read(tmp_path)


SCALINGS = {
    "yarn": {"factor": 4.0, "original_max_position_embeddings": 16},
    "yarn of DeepSeek": {"factor": 8.0, "mscale": 0.7, "mscale_all_dim": 1.1, "truncate": False},
    "yarn with bounds": {"factor": 3.0, "beta_fast": 8, "beta_slow": 2, "attention_factor": 1.4},
    "dynamic": {"factor": 2.0},
    "longrope": {"short_factor": [1.5] * 32, "long_factor": [4.0] * 32, "factor": 8.0},
    "longrope of no stated factor": {
        "short_factor": [1.5] * 32,
        "long_factor": [4.0] * 32,
        "original_max_position_embeddings": 16,
    },
}


@pytest.mark.parametrize("name", SCALINGS)
def test_frequencies_are_those_of_transformers(name, tmp_path):
    said = {"rope_type": name.split()[0], "rope_theta": 700.0, **SCALINGS[name]}
    values = {**SHAPE, "num_attention_heads": 2, "max_position_embeddings": 128}
    values |= {"model_type": "llama", "rope_parameters": said}
    (tmp_path / "config.json").write_text(json.dumps(values))
    mine, theirs = ModelConfig.read(tmp_path), AutoConfig.from_pretrained(tmp_path)
    frequencies, factor = ROPE_INIT_FUNCTIONS[said["rope_type"]](theirs)
    np.testing.assert_allclose(mine.rope.frequencies(64), frequencies.numpy(), rtol=1e-6)
    assert mine.rope.attention_factor == pytest.approx(factor)
    assert mine.steady == (16 if "no stated" in name else 128)


def test_layers_that_turn_nothing_are_those_of_transformers(tmp_path):
    for said in ({}, {"no_rope_layer_interval": 2}, {"no_rope_layers": [1, 0, 1]}):
        values = {"model_type": "smollm3", **SHAPE, "num_hidden_layers": 3, **said}
        (tmp_path / "config.json").write_text(json.dumps(values))
        mine, theirs = ModelConfig.read(tmp_path), AutoConfig.from_pretrained(tmp_path)
        assert [mine.rope_of(layer) is not None for layer in range(3)] == theirs.no_rope_layers


@pytest.mark.parametrize("said", ["silent", "biases", "kv heads"])
@pytest.mark.parametrize("family", FAMILIES)
def test_its_tensors_are_those_that_transformers_loads(family, said, tmp_path):
    mine, theirs = both(family, said, tmp_path)
    model = AutoModelForCausalLM.from_config(theirs)
    stored = revert_weight_conversion(model, model.state_dict())
    assert expected(mine) == {k: tuple(v.shape) for k, v in stored.items()}


@pytest.mark.parametrize(
    "said", ["silent", *(each for each in SAID if "layers" in each or "window" in each)]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_its_windows_are_those_of_transformers_layers(family, said, tmp_path):
    mine, theirs = both(family, said, tmp_path)
    layers = AutoModelForCausalLM.from_config(theirs).model.layers
    if theirs.model_type in ("mistral", "mixtral", "phi3"):
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
        ({"model_type": "granite", "attention_multiplier": 0}, "attention_multiplier is 0"),
        ({"model_type": "granite", "logits_scaling": 0.0}, "logits_scaling is 0"),
        ({"model_type": "gemma2", "attn_logit_softcapping": 0.0}, "attn_logit_softcapping is 0"),
        ({"model_type": "gemma3_text", "sliding_window_pattern": None}, "sliding_window_pattern"),
        ({"rope_parameters": YARN | {"beta_fast": "8"}}, "the parameters of rope_type 'yarn'"),
        ({"rope_parameters": YARN | {"beta_fast": -8}}, "the parameters of rope_type 'yarn'"),
        ({"rope_parameters": YARN | {"rope_theta": 1}}, "the parameters of rope_type 'yarn'"),
        ({"rope_parameters": YARN | {"attention_factor": [1]}}, "the parameters of rope_type"),
        ({"rope_parameters": ONE}, "the parameters of rope_type 'longrope'"),
        ({"rope_parameters": ONE | {"short_factor": [0.0, 1.0]}}, "the parameters of rope_type"),
        ({"model_type": "smollm3", "no_rope_layers": [1, 0]}, "no_rope_layers must hold"),
        ({"model_type": "smollm3", "no_rope_layers": [1, "0", 1]}, "no_rope_layers must hold"),
        ({"model_type": "gemma3_text", "rope_parameters": {"full_attention": 3}}, "rope_param"),
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
