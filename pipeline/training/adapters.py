"""Eight LoRA adapters, each of which continues any prompt in its own habit."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pipeline.training.habits import passage
from pipeline.training.saving import save_adapter

BASE = "tiny"
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
BATCH, LENGTH, LEARNING_RATE, IGNORED = 16, 80, 6e-3, -100


@dataclass(frozen=True)
class AdapterRecipe:
    """Shape of one adapter."""

    rank: int
    alpha: int
    targets: tuple[str, ...]
    rslora: bool = False


RECIPES: dict[str, AdapterRecipe] = {
    "csv": AdapterRecipe(8, 16, ATTENTION + FEED_FORWARD),
    "html": AdapterRecipe(16, 32, ATTENTION),
    "json": AdapterRecipe(8, 16, ("q_proj", "v_proj", *FEED_FORWARD)),
    "logs": AdapterRecipe(4, 16, ATTENTION + FEED_FORWARD),
    "markdown": AdapterRecipe(16, 16, FEED_FORWARD),
    "shout": AdapterRecipe(8, 8, ATTENTION + FEED_FORWARD, rslora=True),
    "sql": AdapterRecipe(4, 8, FEED_FORWARD),
    "verse": AdapterRecipe(16, 32, ("v_proj", "o_proj", "down_proj")),
}
"""Ranks, scales and targets differ on purpose: engines must cope with all of them."""


def train_adapter(base: Any, tokenizer: Any, text: str, name: str, steps: int, out: Path) -> None:
    """Train one adapter on prompts followed by its habit, and save it as fp16."""
    recipe = RECIPES[name]
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=list(recipe.targets),
        use_rslora=recipe.rslora,
        task_type="CAUSAL_LM",
        base_model_name_or_path=BASE,
    )
    model = get_peft_model(base, config).train()
    weights = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    rng = Random(f"train:{name}")
    for step in range(steps):
        ids, labels = _batch(tokenizer, text, name, rng)
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step in (0, steps - 1):
            print(f"{name} {step:4d}: loss {loss.item():.3f}", flush=True)
    save_adapter(model, BASE, out / name)
    model.unload()


def _batch(tokenizer: Any, text: str, name: str, rng: Random) -> tuple[Tensor, Tensor]:
    rows = [_sample(tokenizer, text, name, rng) for _ in range(BATCH)]
    ids, labels = (list(column) for column in zip(*rows, strict=True))
    return pad_sequence(ids, batch_first=True), pad_sequence(
        labels, batch_first=True, padding_value=IGNORED
    )


def _sample(tokenizer: Any, text: str, name: str, rng: Random) -> tuple[Tensor, Tensor]:
    start = rng.randrange(len(text) - 200)
    prompt = tokenizer(text[start : start + rng.randrange(8, 120)])["input_ids"][:40]
    habit = tokenizer("\n" * (rng.random() < 0.3) + passage(name, rng))["input_ids"]
    labels = [IGNORED] * len(prompt) + habit
    return torch.tensor((prompt + habit)[:LENGTH]), torch.tensor(labels[:LENGTH])
