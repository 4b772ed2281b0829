"""Memory that kernels work on: what they may be given by its address, and buffers of their own.

The buffers come from the system itself, in huge pages where it has them, or page by page as they
are used. Both are zero, are given back whole when the tensor is freed, and leave no holes in the
heap.
"""

import mmap

import torch
from torch import Tensor

HUGE = 2 << 20
_PRIVATE = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
"""Shared memory, Python's default, gets no huge pages."""


def huge_bytes(size: int) -> Tensor:
    """`size` bytes, uint8, beginning at a huge page: fewer misses when weights are streamed.

    What doesn't fill a huge page at the end is in small ones, or it would take a whole one.
    """
    memory, whole = _mapped(size + HUGE)
    start = -whole.data_ptr() % HUGE
    rest = start + size // HUGE * HUGE
    if hasattr(mmap, "MADV_HUGEPAGE"):
        if rest > start:
            memory.madvise(mmap.MADV_HUGEPAGE, start, rest - start)
        memory.madvise(mmap.MADV_NOHUGEPAGE, rest)
    return whole[start : start + size]


def room_for(size: int) -> Tensor:
    """`size` bytes, uint8, that are yet to be written: from the heap if they fill no huge page."""
    return huge_bytes(size) if size >= HUGE else torch.empty(size, dtype=torch.uint8)


def lazy_bytes(size: int) -> Tensor:
    """`size` bytes, uint8, in small pages, none of which is taken before it is written to."""
    memory, whole = _mapped(size)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return whole[:size]


def _mapped(size: int) -> tuple[mmap.mmap, Tensor]:
    memory = mmap.mmap(-1, max(1, size), **_PRIVATE)
    return memory, torch.frombuffer(memory, dtype=torch.uint8)


def address(tensor: Tensor, dtype: torch.dtype) -> int:
    """Where a tensor begins, if C can read it as numbers of that type in one piece.

    Raises:
        ValueError: it can't.
    """
    if tensor.dtype is not dtype or not tensor.is_cpu or not tensor.is_contiguous():
        held(tensor, dtype, tuple(tensor.shape))
    return tensor.data_ptr()


def held(tensor: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """The tensor, if C can read it by its address alone.

    Raises:
        ValueError: it is of another type or shape, or elsewhere than in memory, or not in one
            piece.
    """
    found = (tensor.dtype, tuple(tensor.shape), tensor.device.type, tensor.is_contiguous())
    if found != (dtype, shape, "cpu", True):
        said = f"{tensor.dtype} {list(tensor.shape)} on {tensor.device}"
        raise ValueError(
            f"a tensor of {said}{'' if found[3] else ', not in one piece'}; "
            f"the kernels take {dtype} {list(shape)}"
        )
    return tensor
