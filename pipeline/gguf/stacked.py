"""Experts' matrices, which a GGUF file holds one upon another: (experts, rows, columns)."""

from pipeline.models.config import ModelConfig
from pipeline.models.stored_shapes import Shapes, expected


def stacks(model: ModelConfig) -> dict[str, list[str]]:
    """The experts' own tensors by the name of their stack, which is theirs without a number."""
    if (experts := model.experts) is None:
        return {}
    return {
        _stack(experts.tensor(layer, 0, name)): [
            experts.tensor(layer, number, name) for number in range(experts.count)
        ]
        for layer in range(model.layers)
        if experts.layers[layer]
        for name in experts.keys.projections
    }


def expected_stacked(model: ModelConfig) -> Shapes:
    """Every tensor of that decoder, with stacks in place of what they consist of."""
    shapes = expected(model)
    for stack, parts in stacks(model).items():
        shapes[stack] = (len(parts), *shapes[parts[0]])
        for part in parts:
            del shapes[part]
    return shapes


def places(model: ModelConfig) -> dict[str, tuple[str, int]]:
    """By the name of a tensor that a stack holds: the stack's, and the row that it begins with."""
    shapes = expected(model)
    return {
        part: (stack, number * shapes[part][0])
        for stack, parts in stacks(model).items()
        for number, part in enumerate(parts)
    }


def _stack(name: str) -> str:
    return name.replace(".experts.0.", ".experts.")
