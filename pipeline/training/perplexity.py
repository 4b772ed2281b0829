"""How surprised a model is by a text."""

import math
from collections.abc import Sequence
from typing import Any

import torch


@torch.inference_mode()
def perplexity(model: Any, texts: Sequence[Sequence[int]]) -> float:
    """Exp of the mean negative log-likelihood a token, over texts given as token ids."""
    total, count = 0.0, 0
    for ids in texts:
        row = torch.tensor([list(ids)])
        total += model(input_ids=row, labels=row).loss.item() * (len(ids) - 1)
        count += len(ids) - 1
    return math.exp(total / count)
