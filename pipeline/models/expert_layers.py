"""Experts in place of one feed-forward block: how many, how wide, and what they are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.models.family import EXPERTS, EXPERTS_USED, FEED_FORWARD, ExpertKeys

_ROUTER = "mlp.gate"
STACKS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
"""Paths inside a layer of the parameters that hold all experts' matrices in transformers 5."""
_OF_EXPERTS = (_ROUTER, "mlp.experts", "mlp.experts.act_fn")
"""Modules of a layer with experts, as transformers has them."""
_SHARED, _SHARED_GATE = "mlp.shared_expert", "mlp.shared_expert_gate"
"""The expert that every token uses, and what scores it."""
_OF_SHARED = (
    *(_SHARED, f"{_SHARED}.act_fn", _SHARED_GATE),
    *(f"{_SHARED}.{each}" for each in FEED_FORWARD),
)


@dataclass(frozen=True)
class ExpertLayers:
    """Which layers have experts in place of one feed-forward block, and how many.

    Attributes:
        count: of a layer.
        used: of them by each token.
        width: inside one.
        normalised: the weights of those in use add up to 1, as those of all do otherwise.
        layers: per layer, whether it has experts.
        shared: width inside the expert that every token uses beside its own; 0 for none.
        keys: what a checkpoint calls them.
    """

    count: int
    used: int
    width: int
    normalised: bool
    layers: tuple[bool, ...]
    shared: int
    keys: ExpertKeys = field(repr=False)

    @classmethod
    def of(cls, keys: ExpertKeys | None, full: Mapping[str, Any]) -> Self | None:
        """By a filled `config.json`; None where no layer has any."""
        if keys is None or not any(layers := keys.layers_in(full)):
            return None
        normalised = keys.normalised is None or full[keys.normalised]
        shared = full[keys.shared] if keys.shared else 0
        return cls(
            full[EXPERTS], full[EXPERTS_USED], full[keys.width], normalised, layers, shared, keys
        )

    def weights(self, hidden: int) -> int:
        """Of all routers and experts."""
        shared = 3 * self.shared + 1 if self.shared else 0
        return sum(self.layers) * (self.count * (3 * self.width + 1) + shared) * hidden

    def idle_weights(self, hidden: int) -> int:
        """Of the experts that a token doesn't use."""
        return sum(self.layers) * (self.count - self.used) * 3 * self.width * hidden

    def tensors(self, layer: int, hidden: int) -> dict[str, tuple[int, int]]:
        """Shapes of a layer's router and experts by their names in a checkpoint, if it has any."""
        if not self.layers[layer]:
            return {}
        sizes = (self.width, hidden), (self.width, hidden), (hidden, self.width)
        found = {self.router(layer): (self.count, hidden)}
        for number in range(self.count):
            for name, size in zip(self.keys.projections, sizes, strict=True):
                found[self.tensor(layer, number, name)] = size
        if self.shared:
            sizes = (self.shared, hidden), (self.shared, hidden), (hidden, self.shared)
            found |= dict(zip(self.shared_tensors(layer), sizes, strict=True))
            found[self.shared_router(layer)] = (1, hidden)
        return found

    def linear(self, layer: int, hidden: int) -> dict[str, tuple[int, int]]:
        """(out, in) features of a layer's router, and of the shared expert, by their modules.

        These are transformers' paths, which a checkpoint needn't have.
        """
        found = {f"model.layers.{layer}.{_ROUTER}": (self.count, hidden)}
        if self.shared:
            sizes = (self.shared, hidden), (self.shared, hidden), (hidden, self.shared)
            names = (each.removesuffix(".weight") for each in self.shared_tensors(layer))
            found |= dict(zip(names, sizes, strict=True))
            found[f"model.layers.{layer}.{_SHARED_GATE}"] = (1, hidden)
        return found

    def stacks(self, layer: int, hidden: int) -> dict[str, tuple[int, int]]:
        """(out, in) features of an expert's matrices, by the parameters that hold those of all."""
        gate_up, down = (f"model.layers.{layer}.{each}" for each in STACKS)
        return {gate_up: (2 * self.width, hidden), down: (hidden, self.width)}

    def router(self, layer: int) -> str:
        """Name of the matrix that gives scores."""
        return f"model.layers.{layer}.{self.keys.block}.gate.weight"

    def shared_router(self, layer: int) -> str:
        """Name of the row that scores the shared expert."""
        return f"model.layers.{layer}.{_SHARED_GATE}.weight"

    def shared_tensors(self, layer: int) -> tuple[str, str, str]:
        """Names of the shared expert's matrices, in the order of `FEED_FORWARD`."""
        gate, up, down = (f"model.layers.{layer}.{_SHARED}.{each}.weight" for each in FEED_FORWARD)
        return gate, up, down

    @property
    def modules(self) -> tuple[str, ...]:
        """Paths inside a layer of all of them, as transformers has them."""
        return (*_OF_EXPERTS, *_OF_SHARED) if self.shared else _OF_EXPERTS

    def tensor(self, layer: int, number: int, projection: str) -> str:
        """Name of one matrix of an expert."""
        return f"model.layers.{layer}.{self.keys.block}.experts.{number}.{projection}.weight"
