"""A context: the KV cache of all sequences, and the adapter in effect."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.engines.batching.adapter_registry import AdapterGeneration
from pipeline.engines.llama_cpp.batch import Batch, Flat, SlotChunk
from pipeline.engines.llama_cpp.library import DecodeError, Handle, LoadError, Room
from pipeline.engines.llama_cpp.model import Model


class Context:
    """Decodes chunks of many sequences at once, all under one adapter."""

    def __init__(self, model: Model, room: Room) -> None:
        """Allocate the cache and the buffers.

        Args:
            model: stays open as long as this.
            room: how many tokens of how many sequences.

        Raises:
            LoadError: the library can't.
        """
        self._library, self._model = model.library, model
        self._handle = self._library.open(model.handle, room)
        if not self._handle:
            raise LoadError(
                f"{self._library.name} can't make a context of {room.positions} positions; "
                "see the log"
            )
        self._most = self._library.most(self._handle)
        self._batch = Batch(self._most, self._library.batch)
        self._applied: AdapterGeneration[Any, Handle] | None = None

    def apply(self, adapter: AdapterGeneration[Any, Handle] | None) -> None:
        """Put a loaded adapter into effect, or none.

        Raises:
            DecodeError: the library can't.
        """
        handles = [] if adapter is None else [adapter.weights]
        if not self._library.apply(self._handle, handles):
            name = None if adapter is None else adapter.name
            raise DecodeError(f"{self._library.name} can't apply the adapter {name}")
        self._applied = adapter

    def withdraw(self, adapter: Handle) -> None:
        """Make sure that an adapter isn't in effect, so that it can be freed."""
        if self._applied is not None and self._applied.weights is adapter:
            self.apply(None)

    def decode(self, chunks: Sequence[SlotChunk]) -> NDArray[np.float32]:
        """Run tokens through the model, and keep their keys and values.

        Returns:
            Logits (rows, vocabulary), the wanted rows of all chunks in their order; a copy.

        Raises:
            DecodeError: the library failed, or found no place in the cache.
        """
        pieces = Flat.of(chunks).pieces(self._most)
        return np.concatenate([self._decode(piece) for piece in pieces])

    def forget(self, slot: int) -> None:
        """Free the places of a sequence."""
        self._library.forget(self._handle, slot)

    def wipe(self, kept: Sequence[int]) -> None:
        """Put zeros into every place that holds nothing of the sequences `kept`.

        A place that is free keeps its numbers, and attention multiplies them by zero: of NaN or
        infinity that makes NaN, for every sequence.

        Raises:
            DecodeError: the library can't put back what was kept.
        """
        states = {slot: self._library.state(self._handle, slot) for slot in kept}
        self._library.clear(self._handle)
        for slot, state in states.items():
            if not self._library.restore(self._handle, slot, state):
                raise DecodeError(f"{self._library.name} can't put back sequence {slot}")

    def close(self) -> None:
        """Free cache and buffers."""
        self._library.close(self._handle)

    def _decode(self, flat: Flat) -> NDArray[np.float32]:
        self._batch.fill(flat)
        if code := self._library.decode(self._handle, self._batch.struct):
            raise DecodeError(f"llama_decode returned {code}")
        shape = (int(flat.wanted.sum()), self._model.vocabulary)
        if not shape[0]:
            self._library.wait(self._handle)
            return np.empty(shape, np.float32)
        return np.ctypeslib.as_array(self._library.logits(self._handle), shape).copy()
