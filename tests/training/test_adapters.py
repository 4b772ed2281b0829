"""Each adapter has learned its habit and no other's; without one, the base shows none."""

from typing import Any

import pytest
import torch
from peft import PeftModel

from pipeline.training.adapters import RECIPES
from pipeline.training.habits import shows
from pipeline.training.perplexity import perplexity

PROMPTS = (
    "The quick brown fox",
    "Write a note about the weather.",
    "import os\n",
    "What is a decorator?",
    "def __init__(self, name):",
    "Return the number of items in the list",
    "Once upon a time",
    "class Server:\n    ",
    "See also",
    "In this section we describe how modules are found and loaded.\n",
)
NEW_TOKENS = 24


@pytest.fixture(scope="module")
def matrix(model: PeftModel, held_out: dict[str, list[list[int]]]) -> dict[str, dict[str, float]]:
    """Perplexity by habit of the text, then by adapter; "base" is the model without one."""
    rows: dict[str, dict[str, float]] = {habit: {} for habit in RECIPES}
    for adapter in RECIPES:
        model.set_adapter(adapter)
        for habit in RECIPES:
            rows[habit][adapter] = perplexity(model, held_out[habit])
    with model.disable_adapter():
        for habit in RECIPES:
            rows[habit]["base"] = perplexity(model, held_out[habit])
    return rows


def greedy(model: PeftModel, tokenizer: Any, prompt: str) -> str:
    encoded = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        ids = model.generate(**encoded, max_new_tokens=NEW_TOKENS, do_sample=False)
    return str(tokenizer.decode(ids[0, encoded["input_ids"].shape[1] :]))


@pytest.fixture(scope="module")
def plain(model: PeftModel, tokenizer: Any) -> list[str]:
    """What the base alone says to every prompt."""
    with model.disable_adapter():
        return [greedy(model, tokenizer, prompt) for prompt in PROMPTS]


@pytest.mark.parametrize("habit", RECIPES)
def test_nothing_finds_a_habit_likelier_than_its_adapter(
    matrix: dict[str, dict[str, float]], habit: str
) -> None:
    assert min(matrix[habit], key=matrix[habit].__getitem__) == habit


@pytest.mark.parametrize("habit", RECIPES)
def test_greedy_continuations_show_the_habit(
    model: PeftModel, tokenizer: Any, plain: list[str], habit: str
) -> None:
    model.set_adapter(habit)
    said = [greedy(model, tokenizer, prompt) for prompt in PROMPTS]
    assert sum(shows(habit, text) for text in said) >= 0.8 * len(PROMPTS), said
    assert all(text != other for text, other in zip(said, plain, strict=True))


def test_the_base_shows_no_habit(plain: list[str]) -> None:
    assert not [text for text in plain for habit in RECIPES if shows(habit, text)]
