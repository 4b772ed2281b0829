"""The matrix kernels alone, against torch and against the memory: `make bench-kernels`.

Weights rotate through copies that no cache holds. Variants are interleaved, the best of several
turns counts, and the read bandwidth is measured between them by the same two threads' worth of
torch, so that a noisy machine disturbs all alike. Prints one line a shape:

    precision, tokens, 10⁹ weights used a second, GMAC/s, GB/s, share of the read bandwidth, × torch
"""

import os
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pipeline.kernels.formats import FORMATS, PANEL, WeightFormat
from pipeline.kernels.layout import Matrix, panels
from pipeline.kernels.native import NativeKernels
from pipeline.process.arguments import Arguments

ROWS, COLUMNS = 5632, 2048
"""TinyLlama's feed-forward layer."""
TOKENS = (1, 2, 4, 8, 16, 32, 64, 256)
COPIES = {"fp32": 4, "int8": 12, "int4": 24}
TURNS = 5


def seconds(call: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(kernels: NativeKernels, format: WeightFormat, tokens: int, stream: Tensor) -> str:
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

    turns = [(seconds(ours), seconds(torchs), seconds(stream.sum)) for _ in range(TURNS)]
    best = [min(column) for column in zip(*turns, strict=True)]
    mine, theirs = best[0] / len(copies), best[1] / len(plain)
    used, bandwidth = ROWS * COLUMNS / mine / 1e9, stream.nbytes / best[2] / 1e9
    read = copies[0].bytes / mine / 1e9
    return (
        f"{format.name}  {tokens:4d}  {used:6.2f} Gw/s  {used * tokens:6.1f} GMAC/s  "
        f"{read:5.1f} GB/s  {read / bandwidth:5.2f}  {theirs / mine:5.1f} × torch fp32"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the precisions named on the command line, or all."""
    parser = Arguments(prog="python -m pipeline.kernels.bench")
    parser.add_argument("precisions", nargs="*", help=f"of {', '.join(COPIES)}; else all")
    chosen = parser.parse_args(arguments).precisions
    if unknown := sorted({*chosen} - {*COPIES}):
        parser.error(f"{unknown[0]}: no such precision; use {', '.join(COPIES)}")
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    kernels, stream = NativeKernels(threads), torch.ones(64 << 20)
    for name in ("int8", "int4", "fp32"):
        for tokens in TOKENS if name in (chosen or COPIES) else ():
            print(measure(kernels, FORMATS[name], tokens, stream), flush=True)


if __name__ == "__main__":
    main()
