"""What this machine can do: read bandwidth and arithmetic peaks, measured once and kept."""

import json
import os
import re
from pathlib import Path

import psutil

from pipeline.files.documents import write_json
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.peaks import BITS, bytes_per_s, products_per_s
from pipeline.machine.contention import Meter
from pipeline.metrics.roofline import Peaks

BUFFER_BYTES = 2**30
"""Far more than any last-level cache holds."""

MAX_STEAL = 0.02
"""Above this share of the processors' time given to others, the machine isn't quiet."""


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

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    pool = NativePool(threads)
    name = f"{cpu} {pool.library.kernels_instruction_set().decode()}"
    kept = cache / "peaks" / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}-{threads}.json"
    known = json.loads(kept.read_text("utf-8")) if kept.is_file() else {"settled": False}
    if not known["settled"]:
        meter = Meter()
        best = _better(known, measured(pool))
        known = best | {"settled": not busy and not _stolen(meter)}
        write_json(kept, known)
    products = {bits: 2 * known[_products(bits)] for bits in BITS}
    return Peaks(known["read_bytes_per_s"], products)


def measured(pool: NativePool) -> dict[str, float]:
    """What this machine does now."""
    size = min(BUFFER_BYTES, psutil.virtual_memory().available // 4)
    products = {_products(bits): products_per_s(pool, bits) for bits in BITS}
    return {"read_bytes_per_s": bytes_per_s(pool, size), **products}


def _better(known: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """What is measured now, or what was, whichever is more: disturbances only ever slow down."""
    return {name: max(value, known.get(name, 0.0)) for name, value in now.items()}


def _stolen(meter: Meter) -> bool:
    found = meter.read()
    return (found.stolen_s or 0.0) > MAX_STEAL * (found.offered_s or 1.0)


def _products(bits: int) -> str:
    return f"products_per_s_{bits}_bits"
