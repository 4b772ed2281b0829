"""Adapters that PEFT has saved after tokens were added, with random numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from pipeline.models.checkpoint import Checkpoint

TABLES = ["embed_tokens", "lm_head"]


def resized(base: Checkpoint, rows: int) -> Any:
    """The base by transformers, with so many rows more in both tables."""
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    if rows:
        model.resize_token_embeddings(base.config.vocabulary + rows, mean_resizing=False)
    return model


def save(
    folder: Path,
    base: Checkpoint,
    tokens: Sequence[str] = (),
    rows: int | None = None,
    seed: int = 0,
    **said: Any,
) -> Path:
    """An adapter, beside its own tokenizer if tokens were added.

    Args:
        folder: to be made.
        base: that it belongs to.
        tokens: that were added.
        rows: by which the tables were made longer; None for one a token.
        seed: of its numbers.
        said: what its configuration has.
    """
    torch.manual_seed(seed)
    rows = len(tokens) if rows is None else rows
    model = get_peft_model(resized(base, rows), LoraConfig(**{"r": 4, **said}))
    with torch.no_grad():
        for number in model.parameters():
            if number.requires_grad:
                number.add_(torch.randn_like(number) * 0.3)
    model.save_pretrained(folder)
    if tokens:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(base.folder)
        tokenizer.add_special_tokens({"additional_special_tokens": [*tokens]})
        tokenizer.save_pretrained(folder)
    return folder
