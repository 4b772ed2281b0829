"""Attention alone, against the memory: `make bench-kernels`.

One layer of TinyLlama's heads at a time, of as many layers as no cache holds. Contexts, formats and
reads of plain memory take turns, and the best of several turns counts, so that a noisy machine
disturbs all alike. Prints one line a case:

    keys and values, tokens, context, threads, time, GMAC/s, GB/s, share of the read bandwidth
"""

import os
from collections.abc import Sequence
from itertools import product
from time import perf_counter

import torch

from pipeline.kernels.bench import asked
from pipeline.kernels.formats import FORMATS, NUMBER_FORMATS, NumberFormat
from pipeline.kernels.kv_pool import BLOCK_SIZE, KvPool
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.operands import Heads
from pipeline.kernels.token_batch import TokenBatch

HEADS = Heads(queries=32, keys=4, width=64)
CASES = ((1, 512), (1, 2048), (1, 8192), (256, 512), (256, 2048))
"""Tokens of one sequence that are computed, the last of so many positions."""
POOL_BYTES = 64 << 20
TURNS = 7


class Case:
    """The last tokens of one sequence, whose blocks lie anywhere in the pool."""

    def __init__(
        self, kernels: NativeKernels, format: NumberFormat, tokens: int, context: int
    ) -> None:
        self.tokens, self.context = tokens, context
        self._kernels, blocks = kernels, context // BLOCK_SIZE
        one = KvPool.of(blocks, 1, HEADS.keys, HEADS.width, format).data.nbytes
        self.bytes, layers = one, 1 + POOL_BYTES // one
        pool = KvPool.of(blocks, layers, HEADS.keys, HEADS.width, format)
        pool.keys.fill_(1)
        pool.values.fill_(1)
        for scales in (pool.key_scales, pool.value_scales):
            scales.fill_(0.01)
        positions = torch.arange(context - tokens, context, dtype=torch.int32)
        table = torch.randperm(blocks).int()[None]
        rows, none = torch.zeros_like(positions), positions[:0]
        batch = TokenBatch(positions, positions, rows, table, [], none)
        angles = torch.zeros(context, HEADS.width // 2)
        self._step = kernels.begin(batch, angles.cos(), angles.sin(), pool)
        columns = HEADS.queries * HEADS.width
        self._qkv = torch.randn(tokens, columns + 2 * HEADS.keys * HEADS.width)
        self._out = kernels.activations(tokens, columns, FORMATS["fp32"])

    @property
    def products(self) -> int:
        """Multiplications of one layer."""
        seen = self.tokens * (2 * self.context - self.tokens + 1) // 2
        return 2 * seen * HEADS.queries * HEADS.width

    def seconds(self) -> float:
        """Of one layer."""
        layers = self._step.pool.layers if self.tokens == 1 else 1
        started = perf_counter()
        for layer in range(layers):
            self._kernels.attend(self._qkv, self._step, layer, HEADS, None, self._out)
        return (perf_counter() - started) / layers


def measure(formats: Sequence[str], threads: int) -> None:
    """Print the table for so many threads."""
    kernels, stream = NativeKernels(threads), torch.ones(POOL_BYTES // 4)
    torch.set_num_threads(threads)
    for tokens, context in CASES:
        cases = {name: Case(kernels, NUMBER_FORMATS[name], tokens, context) for name in formats}
        best = dict.fromkeys([*formats, "read"], float("inf"))
        for _, name in product(range(TURNS), best):
            seconds = cases[name].seconds() if name in cases else _read(stream)
            best[name] = min(best[name], seconds)
        bandwidth = stream.nbytes / best["read"]
        for name, case in cases.items():
            read, took = case.bytes / best[name], f"{best[name] * 1e6:8.0f} µs"
            print(
                f"{name:5} {tokens:4} of {context:5}, {threads} threads {took}"
                f"  {case.products / best[name] / 1e9:6.1f} GMAC/s"
                f"  {read / 1e9:5.1f} GB/s  {read / bandwidth:5.2f}",
                flush=True,
            )


def _read(stream: torch.Tensor) -> float:
    started = perf_counter()
    stream.sum()
    return perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the formats named on the command line, or all."""
    names = asked("pipeline.kernels.bench_attention", NUMBER_FORMATS, arguments)
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        measure(names, threads)


if __name__ == "__main__":
    main()
