"""What this machine can do: read bandwidth and arithmetic peak, measured once and kept."""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import psutil

from pipeline.metrics.roofline import Peaks

BUFFER_BYTES = 2**30
"""Far more than any last-level cache holds."""
WIDTH = 4096
SIDE = 2048
REPEATS = 7


def is_busy() -> bool:
    """Whether others than this process keep the machine's processors busy."""
    return os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)


def machine_peaks(cache: Path, cpu: str, threads: int, keep: bool = True) -> Peaks:
    """The peaks of this machine with so many threads.

    Args:
        cache: where they are kept; removing the file measures them again.
        cpu: the processor's name.
        threads: compute threads.
        keep: whether what is measured now is worth keeping.
    """
    kept = cache / "machine" / f"{re.sub(r'[^A-Za-z0-9]+', '-', cpu).strip('-')}-{threads}.json"
    if kept.is_file():
        return Peaks(**json.loads(kept.read_text("utf-8")))
    with _torch_threads(threads):
        peaks = Peaks(read_bandwidth(), gemm_peak())
    if keep:
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(asdict(peaks)), "utf-8")
        draft.replace(kept)
    return peaks


def read_bandwidth(size: int = BUFFER_BYTES) -> float:
    """Bytes a second that come from memory: the better of a sum and a matrix-vector product."""
    import torch

    size = min(size, psutil.virtual_memory().available // 4)
    buffer = torch.ones(size // 4 // WIDTH, WIDTH)
    vector = torch.ones(WIDTH)
    best = min(_seconds(buffer.sum), _seconds(lambda: torch.mv(buffer, vector)))
    return buffer.nbytes / best


def gemm_peak(side: int = SIDE) -> float:
    """Operations a second of a product of two square fp32 matrices."""
    import torch

    matrix = torch.rand(side, side)
    return 2 * side**3 / _seconds(lambda: torch.mm(matrix, matrix))


def _seconds(work: Callable[[], object]) -> float:
    """The best of some tries: what disturbs only ever slows down."""
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
