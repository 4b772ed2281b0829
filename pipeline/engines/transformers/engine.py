"""What the engines around a transformers model have in common: text, generation and scoring."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pipeline.engines.transformers.static_batch import Output, StaticBatchEngine
from pipeline.inference.backend import Backend, torch_backend
from pipeline.inference.request import Request
from pipeline.inference.teacher import Teacher

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
    def adapted(self, adapters: Sequence[str | None]) -> Adapted:
        """The model with row i under adapter i, while the context lasts.

        The adapters are resident; unless the engine mixes them, they are all the same and the
        engine has been switched to it.
        """

    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """With the model's own tokenizer."""
        return self.base.encode(prompts)

    def decode(self, outputs: Sequence[Sequence[int]]) -> list[str]:
        """With the model's own tokenizer."""
        return self.base.decode(outputs)

    def generate(self, prompts: Sequence[Sequence[int]], batch: Sequence[Request]) -> Output:
        """One call of `generate` for the whole batch."""
        new_tokens = max(request.max_new_tokens for request in batch)
        with self.adapted([request.adapter for request in batch]) as (model, extra):
            ids = [request.id for request in batch]
            return self.base.generate(model, prompts, ids, new_tokens, **extra)

    def score(
        self, adapter: str | None, prompt_ids: Sequence[int], continuation_ids: Sequence[int]
    ) -> "NDArray[np.float32]":
        """One forward pass over prompt and continuation."""
        self.residency.require([adapter])
        if not self.settings.mixes_adapters and self.residency.activate(adapter):
            self.switch(adapter)
        with self.adapted([adapter]) as (model, extra):
            scores = self.base.score(model, prompt_ids, continuation_ids, **extra)
        array: NDArray[np.float32] = scores.numpy()
        return array

    def teach(self, teacher: Teacher | None) -> bool:
        """By a processor of logits."""
        self.base.teacher = teacher
        return True

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

    @property
    def eos(self) -> frozenset[int]:
        """As the model's generation config says."""
        return self.base.eos
