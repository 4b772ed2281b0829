"""What this processor can do, measured natively: products of each width, and bytes from memory.

The products are made by the very operations that the kernels of this instruction set spend their
time in, with nothing beside them; memory is read in huge pages, one stream a thread.
"""

from collections.abc import Callable
from itertools import cycle
from time import perf_counter

from pipeline.kernels.memory import huge_bytes
from pipeline.kernels.native_pool import NativePool

BITS = (8, 16, 32)
"""Widths of the numbers that are multiplied: 8 and 16 whole, 32 floating."""

TRIES = 100
_SECONDS = 0.004
"""About as long as a try takes: in less, waking threads counts; in more, neighbours disturb."""

SLICES = 8
"""Parts of the memory that is read, one a try, so that none is still in a cache."""


def products_per_s(pool: NativePool, bits: int) -> float:
    """The best of some tries.

    Args:
        pool: threads that multiply.
        bits: width of the numbers, one of `BITS`.

    Raises:
        ValueError: there are no products of that width.
    """
    pieces = 8 * pool.threads

    def multiply(rounds: int) -> int:
        return int(pool.library.peak_multiply(pool.handle, bits, pieces, rounds))

    if multiply(1) < 0:
        raise ValueError(f"no products of {bits} bits; there are some of {BITS}")
    rounds = 64
    while _seconds(multiply, rounds) < _SECONDS:
        rounds *= 2
    return multiply(rounds) / min(_seconds(multiply, rounds) for _ in range(TRIES))


def bytes_per_s(pool: NativePool, size: int) -> float:
    """The best of some tries, those included that ask for what comes later, as kernels do.

    Args:
        pool: threads that read, a stretch each.
        size: of memory to read in; a good part less than all is far more than the last cache holds.
    """
    data = huge_bytes(size).fill_(1)
    part = size // SLICES
    places = cycle(range(data.data_ptr(), data.data_ptr() + SLICES * part, part))

    def read(ask_ahead: int) -> None:
        pool.library.peak_read(pool.handle, next(places), part, pool.threads, ask_ahead)

    return part / min(_seconds(read, ahead) for _ in range(TRIES) for ahead in (False, True))


def _seconds(work: Callable[[int], object], argument: int) -> float:
    started = perf_counter()
    work(argument)
    return perf_counter() - started
