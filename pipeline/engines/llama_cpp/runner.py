"""Model and context together: adapters come, go and take effect; tokens go in, logits come out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.batching.active_adapter import ActiveAdapter
from pipeline.engines.batching.adapter_registry import AdapterGeneration
from pipeline.engines.llama_cpp.batch import SlotChunk
from pipeline.engines.llama_cpp.context import Context
from pipeline.engines.llama_cpp.library import Handle
from pipeline.engines.llama_cpp.model import Model
from pipeline.inference.stage_clock import StageClock


class Runner:
    """What the engine needs of the library.

    Attributes:
        active: which adapter is in effect.
    """

    def __init__(self, model: Model, context: Context, clock: StageClock) -> None:
        """Both are this one's from now on, to be freed when it is closed."""
        self._model, self._context, self._clock = model, context, clock
        self.active = ActiveAdapter()

    def load(self, path: Path) -> Handle:
        """Read an adapter from disk."""
        return self._model.load_adapter(path)

    def free(self, adapter: Handle) -> None:
        """Free an adapter."""
        self._context.withdraw(adapter)
        self._model.free_adapter(adapter)

    def switch(self, adapter: AdapterGeneration[Path, Handle] | None) -> None:
        """Put an adapter that is in memory, or the bare base model, into effect."""
        self._clock.enter("adapter_switch")
        if self.active.activate(adapter):
            self._context.apply(adapter)

    def decode(self, chunks: Sequence[SlotChunk]) -> NDArray[np.float32]:
        """Logits of the chunks, under the adapter in effect."""
        return self._context.decode(chunks)

    def forget(self, slot: int) -> None:
        """Free the KV cache of a sequence."""
        self._context.forget(slot)

    def wipe(self, kept: Sequence[int]) -> None:
        """Leave nothing in the KV cache but the sequences `kept`."""
        self._context.wipe(kept)

    def score(
        self,
        adapter: AdapterGeneration[Path, Handle] | None,
        slot: int,
        prompt: Sequence[int],
        continuation: Sequence[int],
    ) -> NDArray[np.float32]:
        """Log-probabilities of every token at each position of the continuation, in a free slot."""
        self.switch(adapter)
        try:
            tokens = [*prompt, *continuation[:-1]]
            logits = self.decode([SlotChunk(slot, 0, tokens, len(continuation))])
        finally:
            self.forget(slot)
            self._clock.enter("other")
        exact = logits.astype(np.float64)
        exact -= exact.max(axis=1, keepdims=True)
        exact -= np.log(np.exp(exact).sum(axis=1, keepdims=True))
        return exact.astype(np.float32)

    def close(self) -> None:
        """Free everything, once all adapters are."""
        self._context.close()
        self._model.close()
