"""A training of two steps writes the whole folder, and the folder loads."""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.training.__main__ import train
from pipeline.training.adapters import RECIPES
from pipeline.training.corpus import corpus

STEPS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tiny")
    text = corpus()[:60_000]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.training.__main__.corpus", lambda: text)
        train(out, seed=0, steps=STEPS, adapter_steps=STEPS)
    return out


def test_the_corpus_is_the_same_each_time() -> None:
    assert corpus() == corpus()


def test_the_base_loads(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder / "base")
    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    ids = tokenizer("import os", return_tensors="pt")["input_ids"]
    assert torch.isfinite(model(input_ids=ids).logits).all()


def test_every_adapter_loads(folder: Path) -> None:
    assert {path.name for path in (folder / "adapters").iterdir()} == set(RECIPES)
    for name in RECIPES:
        base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
        model = PeftModel.from_pretrained(base, folder / "adapters" / name)
        assert model.peft_config["default"].r == RECIPES[name].rank
