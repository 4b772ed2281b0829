"""Memory in huge pages where the system has them: fewer misses when weights are streamed."""

import mmap

import torch
from torch import Tensor

HUGE = 2 << 20


def huge_bytes(size: int) -> Tensor:
    """`size` bytes, zero, uint8, beginning at a page; freed with the tensor."""
    memory = mmap.mmap(-1, max(1, -(-size // HUGE)) * HUGE + HUGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    whole = torch.frombuffer(memory, dtype=torch.uint8)
    start = -whole.data_ptr() % HUGE
    return whole[start : start + size]
