"""The embedded adapters do what they are there for."""

from pathlib import Path
from random import Random

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.adapters.lora_file import LoraFile
from pipeline.engines.transformers.lora_delta import FoldedWeights, read_factors
from pipeline.training.habits import HABITS, passage, shows
from pipeline.training.perplexity import perplexity

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny"


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(TINY / "base")


@pytest.fixture(scope="module")
def models():
    """Applies an adapter, or none, to one model."""
    from pipeline.adapters.adapter import Adapter
    from pipeline.models.config import ModelConfig

    model = AutoModelForCausalLM.from_pretrained(TINY / "base", dtype=torch.float32).eval()
    weights, shape = FoldedWeights(model), ModelConfig.read(TINY / "base")

    def with_adapter(name):
        folder = TINY / "adapters" / name if name else None
        weights.fold(read_factors(Adapter.open(name, folder, shape)) if folder else {})
        return model

    return with_adapter


def test_each_adapter_knows_its_own_habit_best(models, tokenizer):
    rng = {name: Random(f"held out:{name}") for name in HABITS}
    texts = {
        name: [tokenizer(passage(name, rng[name], 4))["input_ids"] for _ in range(12)]
        for name in HABITS
    }
    scores = {
        name: {habit: perplexity(models(name), texts[habit]) for habit in HABITS}
        for name in (None, *HABITS)
    }
    for habit in HABITS:
        assert min(scores, key=lambda name: scores[name][habit]) == habit


@pytest.mark.parametrize("name", HABITS)
def test_most_prompts_are_continued_in_the_habit(name, models, tokenizer):
    prompts = (TINY.parents[1] / "workload" / "prompts" / "builtin.txt").read_text().splitlines()
    model, shown = models(name), 0
    for prompt in prompts[:10]:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        out = model.generate(ids, max_new_tokens=32, do_sample=False, eos_token_id=None)
        shown += shows(name, tokenizer.decode(out[0, ids.shape[1] :]))
    assert shown >= 7


def test_they_differ_in_rank_targets_and_scaling():
    files = [LoraFile.read(TINY / "adapters" / name) for name in HABITS]
    assert {each.config["r"] for each in files} == {4, 8, 16}
    assert len({tuple(each.config["target_modules"]) for each in files}) >= 3
    assert sum(each.config["use_rslora"] for each in files) == 1


def test_they_are_small_and_free_of_pickles():
    files = [path for path in TINY.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 10e6
    assert not [path for path in files if path.suffix in (".bin", ".pt")]
    assert not [path for path in files if path.suffix == ".json" and "/root" in path.read_text()]
