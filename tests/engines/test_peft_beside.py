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
