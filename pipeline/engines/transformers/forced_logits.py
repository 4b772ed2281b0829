"""A teacher behind `generate`: every other token than the given one becomes impossible."""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor

from pipeline.inference.teacher import Teacher


class ForcedLogits(LogitsProcessor):  # type: ignore[misc]
    """Shows the teacher each row's logits and leaves one token that can be chosen.

    It comes before temperature and nucleus, so the teacher sees what the model computed.
    """

    def __init__(self, teacher: Teacher, requests: Sequence[int], prompt_tokens: int) -> None:
        """For one batch.

        Args:
            teacher: who says which tokens come.
            requests: id of each row's request.
            prompt_tokens: width of the padded prompts.
        """
        self._teacher, self._requests, self._start = teacher, requests, prompt_tokens

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """One step of `generate`."""
        places = [input_ids.shape[1] - self._start] * len(self._requests)
        chosen = scores.argmax(-1).tolist()
        forced = self._teacher.correct(chosen, scores.float().numpy(), self._requests, places)
        only = torch.full_like(scores, -torch.inf)
        for row, id_ in enumerate(forced):
            only[row, id_] = 0.0
        return only
