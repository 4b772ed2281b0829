"""From the chunks of a step to the tensors the decoder reads."""

from collections.abc import Iterable
from collections.abc import Sequence as Rows
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.engines.multilora.decoder import Decoder
from pipeline.engines.paged.sequence import Chunk
from pipeline.kernels.packed_adapter import PackedAdapter
from pipeline.kernels.token_batch import Segment, TokenBatch

Chunks = Rows[Chunk[PackedAdapter]]


def by_adapter(plan: Chunks) -> list[Chunk[PackedAdapter]]:
    """The chunks with those of one adapter beside each other, else in their order."""
    groups: dict[PackedAdapter | None, list[Chunk[PackedAdapter]]] = {}
    for chunk in plan:
        groups.setdefault(chunk.sequence.weights, []).append(chunk)
    return [chunk for group in groups.values() for chunk in group]


def assemble(step: Chunks) -> TokenBatch:
    """The batch of chunks that `by_adapter` has put in order.

    Its outputs are those of the chunks, in their order.
    """
    tokens: list[int] = []
    positions: list[int] = []
    rows: list[int] = []
    outputs: list[int] = []
    for row, chunk in enumerate(step):
        start = chunk.sequence.computed
        outputs += (len(tokens) + each for each in chunk.outputs)
        tokens += chunk.sequence.next_tokens(chunk.count)
        positions += range(start, start + chunk.count)
        rows += [row] * chunk.count
    return TokenBatch(
        tokens=_ints(tokens),
        positions=_ints(positions),
        sequences=_ints(rows),
        block_table=_table([chunk.sequence.blocks for chunk in step]),
        segments=list(_segments(step)),
        outputs=_ints(outputs),
    )


def score(
    decoder: Decoder,
    adapter: PackedAdapter | None,
    prompt: Rows[int],
    given: Rows[int],
    ids: int | None = None,
) -> NDArray[np.float32]:
    """Teacher-forced scoring, in a pool of its own.

    Args:
        decoder: that computes.
        adapter: None for the base model.
        prompt: token ids before those that are scored.
        given: those that are.
        ids: number of token ids of the adapter's vocabulary; None for the decoder's.

    Returns:
        Log-probabilities (len(given), ids) of every token at each place of `given`.
    """
    tokens = _ints([*prompt, *given][:-1])
    count = len(tokens)
    pool = decoder.new_pool(count)
    batch = TokenBatch(
        tokens=tokens,
        positions=torch.arange(count, dtype=torch.int32),
        sequences=torch.zeros(count, dtype=torch.int32),
        block_table=torch.arange(pool.blocks, dtype=torch.int32)[None],
        segments=[Segment(adapter, 0, count)],
        outputs=torch.arange(len(prompt) - 1, count, dtype=torch.int32),
    )
    scores: NDArray[np.float32] = decoder.forward(batch, pool)[:, :ids].log_softmax(-1).numpy()
    return scores


def _ints(values: list[int]) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.int32))


def _table(rows: Rows[tuple[int, ...]]) -> Tensor:
    table = np.zeros((len(rows), max(map(len, rows))), dtype=np.int32)
    for row, blocks in zip(table, rows, strict=True):
        row[: len(blocks)] = blocks
    return torch.from_numpy(table)


def _segments(step: Chunks) -> Iterable[Segment]:
    start = 0
    for adapter, group in groupby(step, key=lambda chunk: chunk.sequence.weights):
        chunks = list(group)
        stop = start + sum(chunk.count for chunk in chunks)
        yield Segment(adapter, start, stop)
        start = stop
