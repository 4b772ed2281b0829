"""A watch over `generate`: a row without a next token mustn't end the others."""

import torch
from torch import Tensor
from transformers import LogitsProcessor


class SoundRows(LogitsProcessor):  # type: ignore[misc]
    """Notes where each row's logits first aren't finite, and lets something be sampled for it.

    Attributes:
        broken_at: by row, the first output token that the model computed NaN or infinity for.
    """

    def __init__(self) -> None:
        self.broken_at: dict[int, int] = {}
        self._place = 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Logits (rows, vocabulary) of the next token; sound rows come back as they are."""
        sound = scores.amax(dim=1, keepdim=True).isfinite()
        if not sound.all():
            for row in (~sound[:, 0]).nonzero()[:, 0].tolist():
                self.broken_at.setdefault(row, self._place)
            scores = torch.where(sound, scores, 0.0)
        self._place += 1
        return scores
