"""Chats packed into one row cost what each costs alone, by transformers' own forward pass."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.training.skills.example import Example
from pipeline.training.skills.forward import embedded, losses, through
from pipeline.training.skills.packing import Exchange, exchange, packed

IGNORED = -100
CHATS = (
    [Exchange([5, 6, 7, 8], [9, 2]), Exchange([5, 6, 3], [9]), Exchange([5, 6, 7, 8], [4, 4, 4])],
    [Exchange([5, 6, 7], [9, 2])],
    [Exchange([5], [9]), Exchange([5], [9, 3])],
    [Exchange([4, 5], [9]), Exchange([5], [9, 3])],
    [Exchange([5, 6], [7]), Exchange([5, 6, 7, 8, 9, 10], [9, 3])],
)


@pytest.fixture(scope="module")
def model(chat_model: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(chat_model).eval()


@pytest.mark.parametrize("chats", CHATS)
def test_packed_losses_are_those_of_each_chat_alone(model: Any, chats: list[Exchange]) -> None:
    row = packed(chats)
    with torch.inference_mode():
        states = through(model, model.model.layers, row, embedded(model, row))
        together = losses(model, row, states)
        for number, (prompt, answer) in enumerate(chats):
            ids = torch.tensor([prompt + answer])
            labels = torch.tensor([[IGNORED] * len(prompt) + answer])
            alone = model(input_ids=ids, labels=labels).loss
            mine = together[row.owners == number]
            assert len(mine) == len(answer)
            torch.testing.assert_close(mine.mean(), alone, rtol=1e-4, atol=1e-5)


def test_what_all_prompts_begin_with_is_there_once(model: Any) -> None:
    row = packed(CHATS[0])
    assert row.ids.tolist() == [[5, 6, 7, 8, 9, 3, 7, 8, 4, 4]]
    assert row.positions.tolist() == [[0, 1, 2, 3, 4, 2, 2, 3, 4, 5]]


def test_a_chat_is_the_templates_and_ends_its_turn(chat_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    prompt, answer = exchange(tokenizer, Example("What is it?", "A test."))
    assert tokenizer.decode(prompt) == "<s>user\nWhat is it?</s>\n<s>assistant\n"
    assert tokenizer.decode(answer) == "A test.</s>"
