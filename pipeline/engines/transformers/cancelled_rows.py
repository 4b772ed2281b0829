"""Ends rows of `generate` whose requests were cancelled, and the batch once all were."""

from collections.abc import Hashable
from collections.abc import Sequence as Rows
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria

from pipeline.engines.batching.sequence import Sequence
from pipeline.inference.inbox import Inbox


class CancelledRows(StoppingCriteria):  # type: ignore[misc]
    """Looks into the inbox after every token.

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
