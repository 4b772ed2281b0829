"""Where a layer multiplies: projections of the same input are one matrix."""

from collections.abc import Iterator

from pipeline.models.config import ModelConfig
from pipeline.models.family import SITES

QKV, OUTPUT, GATE_UP, DOWN = range(len(SITES))
"""Numbers of the four sites of a layer, in the order of computation."""


def columns_of(site: tuple[str, ...], model: ModelConfig) -> Iterator[tuple[str, int]]:
    """Each projection of a site with its first output column."""
    column = 0
    for projection in site:
        yield projection, column
        column += model.projection_shape(projection)[0]
