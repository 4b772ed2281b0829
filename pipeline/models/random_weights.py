"""A decoder's tensors drawn at random, as transformers initialises them."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_writer import write_header
from pipeline.models.stored_shapes import HEAD, expected

DEVIATION = 0.02
"""Of matrices: transformers' usual `initializer_range`. Norms are 1, biases are 0."""
PIECE = 1 << 23
"""Numbers that are drawn at a time."""


def write_random(path: Path, model: ModelConfig, seed: int) -> None:
    """A file of every tensor of that decoder, float16, of which only a piece is ever in memory."""
    shapes = {n: shape for n, shape in expected(model).items() if not (model.tied and n == HEAD)}
    numbers = torch.Generator().manual_seed(seed)
    with path.open("wb") as file:
        write_header(file, {name: ("F16", shape) for name, shape in shapes.items()})
        for name, shape in shapes.items():
            for piece in _pieces(name, shape, numbers):
                file.write(piece.half().numpy().data)


def _pieces(name: str, shape: tuple[int, ...], numbers: torch.Generator) -> Iterator[Tensor]:
    if len(shape) == 1:
        yield torch.zeros(shape) if name.endswith(".bias") else torch.ones(shape)
        return
    step = max(1, PIECE // shape[1])
    for first in range(0, shape[0], step):
        count = min(step, shape[0] - first)
        yield torch.empty(count, shape[1]).normal_(0, DEVIATION, generator=numbers)
