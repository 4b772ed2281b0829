"""Our sampler behind `generate`: every other token than the chosen one becomes impossible."""

from collections.abc import Sequence as Rows

import torch
from torch import Tensor
from transformers import LogitsProcessor

from pipeline.engines.batching.sequence import Sequence
from pipeline.inference.logprobs import Logprobs, chosen_logprobs
from pipeline.inference.token_sampler import TokenSampler


class ChosenLogits(LogitsProcessor):  # type: ignore[misc]
    """Lets each row's own request say how its tokens are chosen, which `generate` can't.

    A teacher behind the sampler sees what the model computed and has the last word.

    Attributes:
        logprobs: of every row's tokens, None where they weren't asked for.
    """

    def __init__(self, sampler: TokenSampler, batch: Rows[Sequence]) -> None:
        """For one batch that has no output yet."""
        self._sampler = sampler
        self._rows = [Sequence(each.request, each.prompt) for each in batch]
        self.logprobs: list[list[Logprobs | None]] = [[] for _ in batch]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """One step of `generate`: of logits (rows, vocabulary), some of each row finite."""
        logits = scores.float().numpy()
        ids = self._sampler.sample(logits, self._rows)
        for own, said in zip(self.logprobs, chosen_logprobs(logits, self._rows, ids), strict=True):
            own.append(said)
        only = torch.full_like(scores, -torch.inf)
        for index, (row, id_) in enumerate(zip(self._rows, ids, strict=True)):
            assert id_ is not None
            only[index, id_] = 0.0
            row.output.append(id_)
        return only
