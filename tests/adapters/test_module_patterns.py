"""Which modules a configuration means is what PEFT's own functions say."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import LoraConfig
from peft.tuners.tuners_utils import _ExcludedModule, check_target_module_exists
from peft.utils.other import get_pattern_key
from transformers import AutoConfig, AutoModelForCausalLM

from pipeline.adapters.module_patterns import DEFAULT_TARGETS, is_target, value_for
from pipeline.models.config import ModelConfig
from pipeline.models.families import FAMILIES
from tests.fuzz.small_adapters import KEYS, TARGETS, VALUES
from tests.fuzz.small_checkpoints import CONFIG

SHAPE = ModelConfig.from_config(CONFIG | {"num_hidden_layers": 11}, "small")
NAMES = SHAPE.every_module()
ALL_LINEAR = ("all-linear", "ALL-linear")
"""PEFT turns these into a list, for which it needs a model."""


@st.composite
def configurations(draw):
    values = {
        key: draw(st.sampled_from(VALUES[key]))
        for key in ("exclude_modules", "modules_to_save", "layers_to_transform", "layers_pattern")
    }
    targets = draw(st.sampled_from([each for each in TARGETS if each not in ALL_LINEAR]))
    values["target_modules"] = None if targets is ... else targets
    if isinstance(targets, str):
        values |= {"layers_to_transform": None, "layers_pattern": None}
    elif values["layers_to_transform"] is None:
        values["layers_pattern"] = None
    return values


@given(configurations())
@settings(max_examples=120)
def test_the_modules_are_those_that_peft_adapts(values):
    config = LoraConfig(**values)
    if config.target_modules is None:
        config.target_modules = {*DEFAULT_TARGETS}
    for name in NAMES:
        found = check_target_module_exists(config, name)
        adapted = bool(found) and not isinstance(found, _ExcludedModule)
        assert is_target(values, name) == adapted, name


def test_a_pattern_of_layers_may_match_without_a_number():
    values = {"target_modules": ["q_proj"], "layers_to_transform": [0], "layers_pattern": "m|x"}
    config = LoraConfig(**values)
    for name in NAMES:
        assert is_target(values, name) == bool(check_target_module_exists(config, name))


@given(st.dictionaries(st.sampled_from([key for key in KEYS if "(?i)" not in key]), st.integers()))
def test_ranks_and_alphas_are_those_that_peft_takes(pattern):
    for name in SHAPE.modules():
        theirs = pattern.get(get_pattern_key(pattern.keys(), name), "default")
        assert value_for({"rank_pattern": pattern}, "rank_pattern", name, "default") == theirs


@pytest.mark.parametrize("family", FAMILIES)
def test_every_module_of_the_model_is_known(family):
    values = {key: value for key, value in CONFIG.items() if key != "model_type"}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **values))
    shape = ModelConfig.from_config(CONFIG | {"model_type": family}, "small")
    names = {name for name, _ in model.named_modules() if name}
    assert {*shape.every_module()} == names


@pytest.mark.parametrize("family", FAMILIES)
def test_the_default_targets_are_pefts(family):
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as MAPPING

    assert tuple(MAPPING.get(family, ())) == FAMILIES[family].targets
    assert FAMILIES[family].targets in ((), DEFAULT_TARGETS)
