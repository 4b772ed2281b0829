"""Trains one skill's adapter on its examples, a packed row a step."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model

from pipeline.files.atomic import whole_folder
from pipeline.training.saving import save_adapter
from pipeline.training.skills.draw import Draw
from pipeline.training.skills.forward import embedded, losses, through
from pipeline.training.skills.packing import Packed, exchange, packed
from pipeline.training.skills.recipes import FIRST_LAYER, SKILLS, Skill

BASE = "smollm2"
CHATS, EPOCHS = 5, 2
"""Chats a row, and how often an adapter is trained on each row."""

LEARNING_RATE, LARGEST_GRADIENT = 4e-3, 1.0


def train_skill(base: Any, tokenizer: Any, name: str, steps: int, seed: int, out: Path) -> None:
    """Train it, and save it as fp16 into a folder of its name; `base` is left as it was."""
    torch.manual_seed(seed)
    layers = base.model.layers
    rows = [row(tokenizer, name, number, seed) for number in range(-(-steps // EPOCHS))]
    with torch.no_grad():
        lower = [through(base, layers[:FIRST_LAYER], each, embedded(base, each)) for each in rows]
    model = get_peft_model(base, _config(SKILLS[name], len(layers))).train()
    weights = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    for step in range(steps):
        at = step % len(rows)
        upper = through(base, layers[FIRST_LAYER:], rows[at], lower[at])
        loss = losses(base, rows[at], upper).mean()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(weights, LARGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        if step % 10 == 0 or step == steps - 1:
            print(f"{name} {step:4d}: loss {loss.item():.3f}", flush=True)
    with whole_folder(out / name) as draft:
        save_adapter(model, BASE, draft)
    model.unload()


def row(tokenizer: Any, name: str, number: int, seed: int, held_out: bool = False) -> Packed:
    """Chats of that skill, others for each number and seed."""
    draws = [Draw(f"{name}:{seed}", number * CHATS + at, held_out) for at in range(CHATS)]
    return packed([exchange(tokenizer, SKILLS[name].example(draw)) for draw in draws])


def _config(skill: Skill, layers: int) -> LoraConfig:
    return LoraConfig(
        r=skill.rank,
        lora_alpha=skill.alpha,
        target_modules=list(skill.targets),
        layers_to_transform=list(range(FIRST_LAYER, layers)),
        use_rslora=skill.rslora,
        use_dora=skill.dora,
        task_type="CAUSAL_LM",
        base_model_name_or_path=BASE,
    )
