"""Adapters that PEFT has saved after tokens were added, with random numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import LoraConfig, PeftModel, get_peft_model
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


def alone(
    base: Checkpoint, folder: Path | None, rows: int, ids: Sequence[int], count: int
) -> tuple[list[int], NDArray[np.float32]]:
    """So many greedy tokens of transformers and PEFT, and log-probabilities along them.

    Args:
        base: the model.
        folder: of the adapter that is on it; None for none.
        rows: by which the adapter's tables are longer.
        ids: of the prompt.
        count: of tokens.
    """
    model = resized(base, rows)
    if folder is not None:
        model = PeftModel.from_pretrained(model, folder)
    model.eval()
    found = torch.tensor([list(ids)])
    with torch.inference_mode():
        for _ in range(count):
            found = torch.cat([found, model(input_ids=found).logits[:, -1:].argmax(-1)], 1)
        scores = model(input_ids=found[:, :-1]).logits[0, len(ids) - 1 :].log_softmax(-1)
    return found[0, len(ids) :].tolist(), scores.numpy()
