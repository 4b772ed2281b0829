"""Adapters that PEFT can't load beside one another are refused before anything starts."""

import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.engines.transformers.peft_hotswap import PeftHotswapSettings
from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from tests.fuzz.small_adapters import make
from tests.fuzz.small_checkpoints import CONFIG

SHAPE = ModelConfig.from_config(CONFIG, "small")


@pytest.fixture
def check(tmp_path):
    def checked(**values):
        adapters = {
            name: Adapter.open(name, make(tmp_path / name, said, "F32", SHAPE), SHAPE)
            for name, said in values.items()
        }
        PeftHotswapSettings(name="peft_hotswap").check(Checkpoint(tmp_path, SHAPE), adapters)

    return checked


@pytest.mark.parametrize("saved", [["v_proj"], ["self_attn"], ["model.layers.1.self_attn.v_proj"]])
def test_a_module_that_one_saves_whole_and_another_adapts(saved, check):
    whole = {"target_modules": ["up_proj"], "modules_to_save": saved}
    check(whole=whole, apart={"target_modules": ["down_proj"]})
    with pytest.raises(UsageError, match=r"can't serve whole, .*proj, beside plain") as refused:
        check(plain={}, whole=whole)
    assert "\n" not in str(refused.value)


def test_what_no_adapter_changes_is_saved_whole_by_any(check):
    check(plain={}, whole={"modules_to_save": ["lm_head", "norm", "embed_tokens"]})


def test_trainable_tokens_are_served_among_themselves(check):
    check(one={"trainable_token_indices": [1]}, other={"trainable_token_indices": [5, 6]})
    with pytest.raises(UsageError, match="trainable_token_indices"):
        check(plain={}, one={"trainable_token_indices": [1]})


QUERIES = {"target_modules": [], "target_parameters": ["self_attn.q_proj.weight"]}
VALUES = {"target_modules": [], "target_parameters": ["self_attn.v_proj.weight"]}
REFUSED = r"can't serve {} beside {}, whose target_parameters are others; .*engine=multilora"


def test_adapters_of_the_same_parameters_are_served_beside_one_another(check):
    check(one=QUERIES, other=QUERIES | {"r": 2})


def test_adapters_of_other_parameters_are_not(check):
    with pytest.raises(UsageError, match=REFUSED.format("other", "one")) as refused:
        check(one=QUERIES, other=VALUES)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("order", [("plain", "one"), ("one", "plain")])
def test_a_module_of_which_another_adapter_has_the_parameter_is_not(order, check):
    told = {"one": QUERIES, "plain": {"target_modules": ["q_proj"]}}
    with pytest.raises(UsageError, match=REFUSED.format("plain", "one")):
        check(**{name: told[name] for name in order})


def test_a_module_whose_parameter_nobody_has_is_served_beside_it(check):
    check(one=QUERIES, plain={"target_modules": ["v_proj", "down_proj"]})
