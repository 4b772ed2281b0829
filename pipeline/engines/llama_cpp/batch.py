"""What one `llama_decode` computes, as arrays that llama.cpp reads in place."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SlotChunk:
    """Tokens that a decode adds to the end of a sequence.

    Attributes:
        slot: the sequence's number.
        start: position of the first of them.
        tokens: their ids.
        outputs: for how many, counted from the last, logits are wanted.
    """

    slot: int
    start: int
    tokens: Sequence[int]
    outputs: int = 1


@dataclass(frozen=True)
class Flat:
    """Chunks laid end to end: id, position, sequence and wish for logits of every token."""

    tokens: NDArray[np.int32]
    positions: NDArray[np.int32]
    slots: NDArray[np.int32]
    wanted: NDArray[np.int8]

    @classmethod
    def of(cls, chunks: Sequence[SlotChunk]) -> "Flat":
        """The chunks, in their order."""
        sizes = [len(chunk.tokens) for chunk in chunks]
        places = [np.arange(size, dtype=np.int32) for size in sizes]
        each = list(zip(chunks, places, strict=True))
        return cls(
            np.concatenate([np.asarray(chunk.tokens, np.int32) for chunk in chunks]),
            np.concatenate([chunk.start + place for chunk, place in each]),
            np.repeat(np.array([chunk.slot for chunk in chunks], np.int32), sizes),
            np.concatenate([place >= len(place) - chunk.outputs for chunk, place in each]).astype(
                np.int8
            ),
        )

    def pieces(self, size: int) -> Iterator["Flat"]:
        """Parts of at most `size` tokens."""
        for start in range(0, len(self.tokens), size):
            part = slice(start, start + size)
            yield Flat(self.tokens[part], self.positions[part], self.slots[part], self.wanted[part])


class Batch:
    """A `llama_batch` over arrays of our own: filled without a loop over tokens."""

    def __init__(self, size: int, layout: type[ctypes.Structure]) -> None:
        """Empty, with room for so many tokens, in the library's own layout."""
        self._tokens, self._positions, self._slots = (np.zeros(size, np.int32) for _ in range(3))
        self._counts, self._wanted = np.ones(size, np.int32), np.zeros(size, np.int8)
        address = self._slots.ctypes.data
        self._rows = address + self._slots.itemsize * np.arange(size, dtype=np.uintp)
        self.struct: Any = layout(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._rows, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )

    def fill(self, flat: Flat) -> None:
        """Put tokens into it, in place of what was there."""
        count = len(flat.tokens)
        self._tokens[:count] = flat.tokens
        self._positions[:count] = flat.positions
        self._slots[:count] = flat.slots
        self._wanted[:count] = flat.wanted
        self.struct.n_tokens = count


def _pointer(array: NDArray[np.generic], kind: type) -> object:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
