"""The embedded model as it is kept with the code: its tokenizer, its base, its adapters."""

from random import Random
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.training.__main__ import ASSETS
from pipeline.training.adapters import RECIPES
from pipeline.training.habits import passage

HELD_OUT = 24
"""Passages a habit; their seeds are not among the training's."""


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(ASSETS / "base")


@pytest.fixture(scope="session")
def model() -> PeftModel:
    """The base in fp32 with all adapters loaded, each with its whole set of weights."""
    torch.set_num_threads(1)
    base, report = AutoModelForCausalLM.from_pretrained(
        ASSETS / "base", dtype=torch.float32, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    first, *others = RECIPES
    loaded = PeftModel.from_pretrained(base, ASSETS / "adapters" / first, adapter_name=first)
    for name in others:
        keys = loaded.load_adapter(str(ASSETS / "adapters" / name), adapter_name=name)
        assert not keys.unexpected_keys
        assert not [key for key in keys.missing_keys if "lora_" in key and f".{name}." in key]
    return loaded.eval()


@pytest.fixture(scope="session")
def held_out(tokenizer: Any) -> dict[str, list[list[int]]]:
    """Token ids of passages no training has seen, by habit."""
    return {
        name: [
            tokenizer(passage(name, Random(f"held out:{name}:{index}"), 4))["input_ids"]
            for index in range(HELD_OUT)
        ]
        for name in RECIPES
    }
