"""A decoder driven by hand: sequences that grow, as a scheduler would let them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import torch

from pipeline.adapters.adapter import Adapter
from pipeline.engines.multilora.decoder import Decoder
from pipeline.kernels.token_batch import Segment, TokenBatch
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from tests.conftest import ROOT

TINY = ROOT / "pipeline" / "assets" / "tiny"


@pytest.fixture(scope="session")
def tiny() -> Checkpoint:
    return Checkpoint.open(TINY / "base")


@pytest.fixture(scope="session")
def tiny_adapters(tiny: Checkpoint) -> dict[str, Adapter]:
    folders = sorted((TINY / "adapters").iterdir())
    return {each.name: Adapter.open(each.name, each, tiny.config) for each in folders}


@dataclass
class Sequence_:
    """One request by hand: its adapter, its blocks, and how far it has come."""

    ids: list[int]
    blocks: list[int]
    adapter: object = None
    done: int = 0


@dataclass
class Driver:
    """Runs steps of chosen chunks; keeps the logits of every position of every sequence."""

    decoder: Decoder
    tokens: int = 2048
    sequences: list[Sequence_] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pool = self.decoder.new_pool(self.tokens)
        # Blocks are handed out from both ends in turn, so that no sequence's are neighbours.
        order = torch.arange(self.pool.blocks)
        self._free = torch.stack([order, order.flip(0)], 1).flatten()[: len(order)].tolist()
        self.logits: dict[int, list[torch.Tensor]] = {}

    def add(self, ids: Sequence[int], adapter: object = None) -> int:
        needed = -(-len(ids) // self.pool.block_size)
        blocks, self._free = self._free[:needed], self._free[needed:]
        self.sequences.append(Sequence_(list(ids), blocks, adapter))
        self.logits[len(self.sequences) - 1] = []
        return len(self.sequences) - 1

    def step(self, chunks: dict[int, int]) -> None:
        """Advance each named sequence by so many tokens, in one batch."""
        order = sorted(chunks, key=lambda index: id(self.sequences[index].adapter))
        tokens, positions, rows, segments = [], [], [], []
        for row, index in enumerate(order):
            sequence, count = self.sequences[index], chunks[index]
            span = range(sequence.done, sequence.done + count)
            start = len(tokens)
            tokens += [sequence.ids[at] for at in span]
            positions += span
            rows += [row] * count
            if segments and segments[-1].adapter is sequence.adapter:
                segments[-1] = Segment(sequence.adapter, segments[-1].start, len(tokens))
            else:
                segments.append(Segment(sequence.adapter, start, len(tokens)))
            sequence.done += count
        logits = self.decoder.forward(
            self._batch(tokens, positions, rows, order, segments), self.pool
        )
        for row, index in zip(rows, logits, strict=True):
            self.logits[order[row]].append(index.clone())

    def _batch(self, tokens, positions, rows, order, segments) -> TokenBatch:
        width = max(len(self.sequences[index].blocks) for index in order)
        table = torch.zeros(len(order), width, dtype=torch.int32)
        for row, index in enumerate(order):
            blocks = self.sequences[index].blocks
            table[row, : len(blocks)] = torch.tensor(blocks)
        return TokenBatch(
            tokens=torch.tensor(tokens, dtype=torch.int32),
            positions=torch.tensor(positions, dtype=torch.int32),
            sequences=torch.tensor(rows, dtype=torch.int32),
            block_table=table,
            segments=segments,
            outputs=torch.arange(len(tokens), dtype=torch.int32),
        )

    def result(self, index: int) -> torch.Tensor:
        return torch.stack(self.logits[index])


@pytest.fixture
def drive() -> Callable[[Decoder], Driver]:
    return Driver


def random_ids(count: int, vocabulary: int, seed: int) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(vocabulary, (count,), generator=generator).tolist()


@pytest.fixture
def ids() -> Callable[[int, ModelConfig, int], list[int]]:
    return lambda count, shape, seed: random_ids(count, shape.vocabulary, seed)
