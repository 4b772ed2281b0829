"""What the engines around a transformers model have in common: text, generation and scoring."""

from abc import abstractmethod
from collections.abc import Mapping
from collections.abc import Sequence as Rows
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.transformers.static_batch import Output, StaticBatchEngine
from pipeline.inference.backend import Backend, torch_backend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pipeline.engines.transformers.base_model import BaseModel

Adapted = AbstractContextManager[tuple[Any, Mapping[str, Any]]]
"""A model to call, and what to call it with besides the tokens."""


class TransformersEngine(StaticBatchEngine):
    """A subclass says how adapters get into the forward pass; torch comes when it is entered."""

    base: "BaseModel"

    @abstractmethod
    def adapted(self, adapters: Rows[Any]) -> Adapted:
        """The model with row i under adapter i, while the context lasts.

        The adapters are as they were loaded, None for the base model; unless the engine mixes them,
        they are all the same and the engine has been switched to it.
        """

    def generate(self, batch: Rows[Sequence]) -> Output:
        """One call of `generate` for the whole batch."""
        from pipeline.engines.transformers.ended_rows import AnsweredRows, CancelledRows

        cancelled = CancelledRows(self.inbox, batch)
        answered = AnsweredRows([self.intake.answer(each.request) for each in batch])
        sizes = self.intake.sizes([each.adapter for each in batch], self.serving.vocabulary)
        with self.adapted([each.lease.weights for each in batch]) as (model, extra):
            return self.base.generate(model, batch, cancelled, answered, sizes, **extra)

    def score(
        self, adapter: str | None, prompt_ids: Rows[int], continuation_ids: Rows[int]
    ) -> "NDArray[np.float32]":
        """One forward pass over prompt and continuation."""
        lease = self.cache.lease(adapter)
        try:
            self.cache.require([lease])
            if not self.settings.capabilities.mixes_adapters:
                self._put_in_effect(lease.adapter)
            with self.adapted([lease.adapter and lease.adapter.weights]) as (model, extra):
                ids = self.intake.vocabulary(adapter).size
                scores = self.base.score(model, prompt_ids, continuation_ids, ids, **extra)
        finally:
            self.cache.release(lease)
        array: NDArray[np.float32] = scores.numpy()
        return array

    @property
    def backend(self) -> Backend:
        """PyTorch's kernels."""
        return torch_backend()

    @property
    def weight_bytes(self) -> int:
        """Of the base model, as loaded."""
        return self.base.weight_bytes

    @property
    def model_bytes(self) -> int:
        """The weights as loaded; what folding or PEFT adds later isn't the base."""
        return self.base.bytes
