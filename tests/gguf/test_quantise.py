"""Widths are refused where a matrix has them, and only there."""

import pytest

from pipeline.errors import UsageError
from pipeline.gguf.quantise import check_widths
from pipeline.models.config import ModelConfig

ODD, EVEN = 100, 128


def model(**said):
    config = {"model_type": "qwen3_moe", "hidden_size": EVEN, "num_hidden_layers": 2} | {
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "vocab_size": 500,
        "intermediate_size": ODD,
        "moe_intermediate_size": EVEN,
        "num_experts": 4,
        "num_experts_per_tok": 2,
    }
    return ModelConfig.from_config(config | said, "config.json")


def test_a_width_that_no_layer_has_is_no_obstacle():
    check_widths(model(), "q8_0")


@pytest.mark.parametrize(
    "said", [{"decoder_sparse_step": 2}, {"moe_intermediate_size": ODD}, {"hidden_size": ODD}]
)
@pytest.mark.parametrize("precision", ["q8_0", "q4_0", "q4_k_m"])
def test_a_width_that_some_layer_has_is_refused_by_its_number(said, precision):
    with pytest.raises(UsageError, match=f"this model has {ODD}; use f16"):
        check_widths(model(**said), precision)
    check_widths(model(**said), "f16")
