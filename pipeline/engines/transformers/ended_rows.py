"""Ends rows of `generate` before its time."""

from collections.abc import Hashable
from collections.abc import Sequence as Rows
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria

from pipeline.engines.batching.sequence import Sequence
from pipeline.inference.answer import Answer
from pipeline.inference.inbox import Inbox


class CancelledRows(StoppingCriteria):  # type: ignore[misc]
    """Those whose requests were cancelled; looks into the inbox after every token.

    Attributes:
        ids: of the requests that were found cancelled.
    """

    def __init__(self, inbox: Inbox, batch: Rows[Sequence]) -> None:
        self._inbox, self._batch = inbox, batch
        self.ids: set[Hashable] = set()

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """Which rows are to end, (rows,)."""
        self.ids |= {each.id for each in self._batch if self._inbox.is_cancelled(each.id)}
        return torch.tensor([each.id in self.ids for each in self._batch])


class AnsweredRows(StoppingCriteria):  # type: ignore[misc]
    """Those whose own end tokens, stop strings or lengths end them."""

    def __init__(self, answers: Rows[Answer]) -> None:
        """For one batch that has no output yet.

        Args:
            answers: what each row will come to; they are told every token here.
        """
        self._answers, self._ended = answers, [False] * len(answers)

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """Which rows have ended, (rows,)."""
        for row, id_ in enumerate(input_ids[:, -1].tolist()):
            if not self._ended[row]:
                self._ended[row] = self._answers[row].add(id_)[1] is not None
        return torch.tensor(self._ended)
