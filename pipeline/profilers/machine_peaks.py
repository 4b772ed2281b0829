"""What this machine can do: read bandwidth and arithmetic peak, measured once and kept."""

import json
import mmap
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import psutil

from pipeline.files.documents import write_json
from pipeline.metrics.roofline import Peaks

if TYPE_CHECKING:
    from torch import Tensor

BUFFER_BYTES = 2**30
"""Far more than any last-level cache holds."""
WIDTH = 4096
SIDE = 2048
REPEATS = 7


def is_busy() -> bool:
    """Whether others than this process keep the machine's processors busy."""
    return os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)


def machine_peaks(cache: Path, cpu: str, threads: int, busy: bool = False) -> Peaks:
    """The peaks of this machine with so many threads: the best that was ever measured here.

    Once it was measured while nothing else ran, it isn't measured again.

    Args:
        cache: where they are kept; removing the file begins anew.
        cpu: the processor's name.
        threads: compute threads.
        busy: whether something else runs.
    """
    kept = cache / "peaks" / f"{re.sub(r'[^A-Za-z0-9]+', '-', cpu).strip('-')}-{threads}.json"
    known = json.loads(kept.read_text("utf-8")) if kept.is_file() else {"settled": False}
    if not known["settled"]:
        known = _better(known, threads) | {"settled": not busy}
        write_json(kept, known)
    return Peaks(known["read_bytes_per_s"], known["operations_per_s"])


def _better(known: dict[str, float], threads: int) -> dict[str, float]:
    """What is measured now, or what was, whichever is more: disturbances only ever slow down."""
    with _torch_threads(threads):
        now = {"read_bytes_per_s": read_bandwidth(), "operations_per_s": gemm_peak()}
    return {name: max(value, known.get(name, 0.0)) for name, value in now.items()}


def read_bandwidth(size: int = BUFFER_BYTES) -> float:
    """Bytes a second that come from memory: the better of a sum and a matrix-vector product."""
    import torch

    size = min(size, psutil.virtual_memory().available // 4)
    buffer = _in_huge_pages(size // 4 // WIDTH * WIDTH).view(-1, WIDTH)
    vector = torch.ones(WIDTH)
    best = min(_seconds(buffer.sum), _seconds(lambda: torch.mv(buffer, vector)))
    return buffer.nbytes / best


def _in_huge_pages(numbers: int) -> "Tensor":
    """Ones in huge pages where the system has them: without, it is addresses that take the time."""
    import torch

    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.ones(numbers)
    memory = mmap.mmap(-1, 4 * numbers, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.float32).fill_(1)


def gemm_peak(side: int = SIDE) -> float:
    """Operations a second of a product of two square fp32 matrices."""
    import torch

    matrix = torch.rand(side, side)
    return 2 * side**3 / _seconds(lambda: torch.mm(matrix, matrix))


def _seconds(work: Callable[[], object]) -> float:
    """The best of some tries."""
    work()
    tries = []
    for _ in range(REPEATS):
        started = perf_counter()
        work()
        tries.append(perf_counter() - started)
    return min(tries)


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
