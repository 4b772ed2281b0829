"""llama.cpp's context: the KV cache of all sequences, and the adapter in effect."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from pipeline.engines.batching.adapter_registry import AdapterGeneration
from pipeline.engines.llama_cpp.batch import Batch, Flat, SlotChunk
from pipeline.engines.llama_cpp.model import AdapterHandle, LoadError, Model

WHOLE = -1
"""llama.cpp's bound of a range of positions that has none."""


class DecodeError(Exception):
    """`llama_decode` failed; its log says why."""


class Context:
    """Decodes chunks of many sequences at once, all under one adapter.

    The KV cache is one pool for all sequences. In llama.cpp's other layout, an equal part for
    each, a decode is cut wherever the numbers of its sequences aren't neighbours, and wherever
    prompts differ in length; weights are then read once for every cut.
    """

    def __init__(
        self, model: Model, threads: int, sequences: int, positions: int, exact: bool
    ) -> None:
        """Allocate the cache and the buffers.

        Args:
            model: stays open as long as this.
            threads: compute threads, for prompts as for single tokens.
            sequences: most at once.
            positions: places in the KV cache.
            exact: keep keys and values in float32; else in float16, llama.cpp's default.

        Raises:
            LoadError: llama.cpp can't.
        """
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = positions
        parameters.n_seq_max = sequences
        parameters.n_threads = parameters.n_threads_batch = threads
        parameters.kv_unified = True
        if exact:
            parameters.type_k = parameters.type_v = llama_cpp.GGML_TYPE_F32
        handle = llama_cpp.llama_init_from_model(model.handle, parameters)
        if not handle:
            raise LoadError(f"llama.cpp can't make a context of {positions} positions; see the log")
        self._handle, self._model = handle, model
        self._memory = llama_cpp.llama_get_memory(handle)
        self._most = int(llama_cpp.llama_n_batch(handle))
        self._batch = Batch(self._most)
        self._applied: AdapterGeneration[Any, AdapterHandle] | None = None

    def apply(self, adapter: AdapterGeneration[Any, AdapterHandle] | None) -> None:
        """Put a loaded adapter into effect, or none.

        llama.cpp plans its graph anew at the next decode, so that part of what a switch costs is
        in the decode's time.
        """
        handles: list[Any] = [] if adapter is None else [adapter.weights]
        count = len(handles)
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * count)(*handles)
        scales = (ctypes.c_float * count)(*[1.0] * count)
        if llama_cpp.llama_set_adapters_lora(self._handle, adapters, count, scales):
            name = None if adapter is None else adapter.name
            raise DecodeError(f"llama.cpp can't apply the adapter {name}")
        self._applied = adapter

    def withdraw(self, adapter: AdapterHandle) -> None:
        """Make sure that an adapter isn't in effect, so that it can be freed."""
        if self._applied is not None and self._applied.weights is adapter:
            self.apply(None)

    def decode(self, chunks: Sequence[SlotChunk]) -> NDArray[np.float32]:
        """Run tokens through the model, and keep their keys and values.

        Returns:
            Logits (rows, vocabulary), the wanted rows of all chunks in their order; a copy.

        Raises:
            DecodeError: llama.cpp failed, or found no place in the cache.
        """
        pieces = Flat.of(chunks).pieces(self._most)
        return np.concatenate([self._decode(piece) for piece in pieces])

    def forget(self, slot: int) -> None:
        """Free the places of a sequence."""
        llama_cpp.llama_memory_seq_rm(self._memory, slot, WHOLE, WHOLE)

    def wipe(self, kept: Sequence[int]) -> None:
        """Put zeros into every place that holds nothing of the sequences `kept`.

        A place that is free keeps its numbers, and attention multiplies them by zero: of NaN or
        infinity that makes NaN, for every sequence.

        Raises:
            DecodeError: llama.cpp can't put back what was kept.
        """
        states = {slot: self._state(slot) for slot in kept}
        llama_cpp.llama_memory_clear(self._memory, True)
        for slot, state in states.items():
            if not llama_cpp.llama_state_seq_set_data(self._handle, state, len(state), slot):
                raise DecodeError(f"llama.cpp can't put back sequence {slot}")

    def _state(self, slot: int) -> Any:
        size = llama_cpp.llama_state_seq_get_size(self._handle, slot)
        state = (ctypes.c_uint8 * size)()
        llama_cpp.llama_state_seq_get_data(self._handle, state, size, slot)
        return state

    def close(self) -> None:
        """Free cache and buffers."""
        llama_cpp.llama_free(self._handle)

    def _decode(self, flat: Flat) -> NDArray[np.float32]:
        self._batch.fill(flat)
        if code := llama_cpp.llama_decode(self._handle, self._batch.struct):
            raise DecodeError(f"llama_decode returned {code}")
        shape = (int(flat.wanted.sum()), self._model.vocabulary)
        if not shape[0]:
            llama_cpp.llama_synchronize(self._handle)
            return np.empty(shape, np.float32)
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits(self._handle), shape).copy()
