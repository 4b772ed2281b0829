"""The matrix kernels alone, against torch and against the memory: `make bench-kernels`.

Weights rotate through copies that no cache holds. Variants are interleaved, the best of several
turns counts, and the read bandwidth is measured before each line by as many threads, in huge
pages, so that a noisy machine disturbs all alike. Prints one line a shape:

    format, tokens, 10⁹ weights used a second, GMAC/s, GB/s, share of the read bandwidth, × torch
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence

import torch

from pipeline.errors import UsageError
from pipeline.kernels.bindings import bound
from pipeline.kernels.formats import FORMATS, PANEL, WeightFormat
from pipeline.kernels.layout import Matrix, panels
from pipeline.kernels.library import BuildError
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.native_pool import NativePool
from pipeline.kernels.peaks import bytes_per_s
from pipeline.process.arguments import Arguments

ROWS, COLUMNS = 5632, 2048
"""TinyLlama's feed-forward layer."""
TOKENS = (1, 2, 4, 8, 16, 32, 64, 256)
COPIES = {"int8": 12, "int8_a8": 12, "int4": 24, "fp32": 4}
READ = 256 << 20
"""Bytes in which the bandwidth is measured."""
TURNS = 5


def asked(prog: str, known: Iterable[str], arguments: Sequence[str] | None) -> list[str]:
    """The formats that a command line names, or all that are known.

    Ends the command with a line where one isn't known, or the kernels can't be compiled as they are
    asked for.
    """
    names = list(known)
    parser = Arguments(prog=f"python -m {prog}")
    parser.add_argument("formats", nargs="*", help=f"of {', '.join(names)}; else all")
    chosen = parser.parse_args(arguments).formats
    if unknown := sorted({*chosen} - {*names}):
        parser.error(f"{unknown[0]}: no such format; use {', '.join(names)}")
    try:
        bound()
    except (UsageError, BuildError) as error:
        parser.error(str(error))
    return [name for name in names if name in (chosen or names)]


def seconds(call: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(kernels: NativeKernels, format: WeightFormat, tokens: int, pool: NativePool) -> str:
    """One line of the table."""
    weights, values = torch.randn(ROWS, COLUMNS) * 0.02, torch.randn(tokens, COLUMNS)
    copies = [
        Matrix(format, ROWS, COLUMNS, kernels.pack([weights], ROWS, COLUMNS, format))
        for _ in range(COPIES[format.name])
    ]
    plain = [weights.clone() for _ in range(COPIES["fp32"])]
    x = kernels.activations(tokens, COLUMNS, format)
    kernels.fill(x, values)
    out = torch.zeros(tokens, panels(ROWS) * PANEL)

    def ours() -> None:
        for matrix in copies:
            kernels.linear(x, matrix, out)

    def torchs() -> None:
        for matrix in plain:
            torch.nn.functional.linear(values, matrix)

    bandwidth = bytes_per_s(pool, READ) / 1e9
    turns = [(seconds(ours), seconds(torchs)) for _ in range(TURNS)]
    best = [min(column) for column in zip(*turns, strict=True)]
    mine, theirs = best[0] / len(copies), best[1] / len(plain)
    used, read = ROWS * COLUMNS / mine / 1e9, copies[0].bytes / mine / 1e9
    return (
        f"{format.name}  {tokens:4d}  {used:6.2f} Gw/s  {used * tokens:6.1f} GMAC/s  "
        f"{read:5.1f} GB/s  {read / bandwidth:5.2f}  {theirs / mine:5.1f} × torch fp32"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the formats named on the command line, or all."""
    names = asked("pipeline.kernels.bench", COPIES, arguments)
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    kernels, pool = NativeKernels(threads), NativePool(threads)
    for name in names:
        for tokens in TOKENS:
            print(measure(kernels, FORMATS[name], tokens, pool), flush=True)


if __name__ == "__main__":
    main()
