"""Where a layer multiplies: projections of the same input are one matrix, and one site."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.models.config import ModelConfig
from pipeline.models.dimensions import module
from pipeline.models.family import SITES

QKV, OUTPUT, GATE_UP, DOWN, ROUTER, EXPERTS_GATE_UP, EXPERTS_DOWN = range(len(SITES) + 3)
"""Numbers of the sites of a layer. The last three are there in models with experts alone, where
`GATE_UP` and `DOWN` are the shared expert's."""


@dataclass(frozen=True)
class Place:
    """Where an adapter may change what a site computes.

    Attributes:
        path: of the module, or of the parameter that holds all experts' matrices.
        column: first output column of the module in the site.
        experts: that have a matrix there; 0 for a module of every token.
    """

    path: str
    column: int
    experts: int = 0


def site_number(layer: int, site: int, model: ModelConfig) -> int:
    """Counted through the layers; the output layer's comes last, at (layers, 0)."""
    return layer * (EXPERTS_DOWN + 1 if model.experts else len(SITES)) + site


def layer_sites(layer: int, model: ModelConfig) -> Iterator[list[Place]]:
    """The places of each site of a layer, in the order of their numbers."""
    if (its := model.experts) is None or not its.layers[layer]:
        for names in model.family.sites:
            yield [*_places({module(layer, name): model.projection_shape(name) for name in names})]
        yield from ([] for _ in range(ROUTER, EXPERTS_DOWN + 1) if its)
        return
    for names in model.family.sites[:GATE_UP]:
        yield [*_places({module(layer, name): model.projection_shape(name) for name in names})]
    router, *shared = its.linear(layer, model.hidden).items()
    yield [*_places(dict(shared[:2]))]
    yield [*_places(dict(shared[2:3]))]
    yield [*_places(dict([router, *shared[3:]]))]
    for path in its.stacks(layer, model.hidden):
        yield [Place(path, 0, its.count)]


def _places(shapes: dict[str, tuple[int, int]]) -> Iterator[Place]:
    column = 0
    for path, (outputs, _) in shapes.items():
        yield Place(path, column)
        column += outputs
