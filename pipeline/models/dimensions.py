"""A decoder's dimensions, and the modules that it has by them."""

from dataclasses import dataclass, field

from pipeline.models.expert_layers import ExpertLayers
from pipeline.models.family import FEED_FORWARD, FUSED, Family

_MLP = {*FEED_FORWARD, *FUSED[2]}


@dataclass(frozen=True)
class Dimensions:
    """How wide a decoder is and how deep.

    Attributes:
        family: its entry among the families, which has what no `config.json` says.
        hidden: width of the residual stream.
        intermediate: width inside the feed-forward block.
        layers: number of decoder layers.
        heads: query heads.
        kv_heads: key and value heads.
        head_dim: width of one head.
        experts: which layers have experts, and how many; None for a model without.
    """

    family: Family
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: ExpertLayers | None = field(default=None, kw_only=True)

    def has_experts(self, layer: int) -> bool:
        """In place of one feed-forward block."""
        return self.experts is not None and self.experts.layers[layer]

    def projections_of(self, layer: int) -> tuple[str, ...]:
        """Names of its linear layers that every token uses, in the order of computation."""
        every = self.family.projections
        return tuple(n for n in every if n not in _MLP) if self.has_experts(layer) else every

    def projection_shape(self, name: str) -> tuple[int, int]:
        """(out, in) features of one of the family's projections."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "qkv_proj": (queries + 2 * keys, self.hidden),
            "gate_up_proj": (2 * self.intermediate, self.hidden),
            "q_proj": (queries, self.hidden),
            "k_proj": (keys, self.hidden),
            "v_proj": (keys, self.hidden),
            "o_proj": (self.hidden, queries),
            "gate_proj": (self.intermediate, self.hidden),
            "up_proj": (self.intermediate, self.hidden),
            "down_proj": (self.hidden, self.intermediate),
        }[name]

    def modules(self) -> dict[str, tuple[int, int]]:
        """(out, in) features of every projection, by its path inside the model; not of experts'."""
        return {
            module(layer, name): self.projection_shape(name)
            for layer in range(self.layers)
            for name in self.projections_of(layer)
        }

    @property
    def linear(self) -> int:
        """Weights of the linear layers of all layers, of routers and experts too."""
        experts = self.experts.weights(self.hidden) if self.experts else 0
        return sum(out * in_ for out, in_ in self.modules().values()) + experts

    @property
    def linear_used(self) -> int:
        """Those of them that one token meets."""
        idle = self.experts.idle_weights(self.hidden) if self.experts else 0
        return self.linear - idle

    @property
    def gated(self) -> int:
        """Numbers of a token inside a feed-forward block, or inside the experts that it uses."""
        among = self.experts.used * self.experts.width if self.experts else 0
        return max(self.intermediate, among)

    def other_modules(self) -> tuple[str, ...]:
        """Paths of all that isn't one of the projections."""
        outside = ["model", "model.embed_tokens", "model.layers", "model.norm", "lm_head"]
        outside += ["model.rotary_emb"]
        layers = range(self.layers)
        return (
            *outside,
            *(f"model.layers.{each}{part}" for each in layers for part in self._parts(each)),
        )

    def _parts(self, layer: int) -> list[str]:
        """Paths inside a layer of all that isn't one of the projections."""
        norms = self.family.norms
        weightless = self.family.weightless
        if self.experts is not None and self.experts.layers[layer]:
            weightless = self.experts.modules
        inside = ["", ".self_attn", ".mlp", *(f".{each}" for each in norms.layer)]
        inside += [f".{each}" for each in weightless]
        return inside + [f".self_attn.{each}" for each in norms.heads]

    def expert_modules(self) -> dict[str, tuple[int, int]]:
        """(out, in) features of routers and shared experts, by their paths in transformers."""
        if (its := self.experts) is None:
            return {}
        layers = (layer for layer in range(self.layers) if its.layers[layer])
        return {k: v for layer in layers for k, v in its.linear(layer, self.hidden).items()}

    def expert_tensors(self) -> dict[str, tuple[int, int]]:
        """Shapes of all that a checkpoint holds of routers and experts, by name."""
        if (its := self.experts) is None:
            return {}
        layers = range(self.layers)
        return {k: v for layer in layers for k, v in its.tensors(layer, self.hidden).items()}

    def expert_stacks(self) -> dict[str, tuple[int, int]]:
        """(out, in) features of one expert, by the parameter that holds those of a layer."""
        if (its := self.experts) is None:
            return {}
        layers = (layer for layer in range(self.layers) if its.layers[layer])
        return {k: v for layer in layers for k, v in its.stacks(layer, self.hidden).items()}

    def routed_modules(self) -> tuple[str, ...]:
        """Paths of routers and of experts, as transformers has them and as a checkpoint names them.

        transformers has all experts of a layer in one module, whose parameters are stacked.
        """
        if (experts := self.experts) is None:
            return ()
        layers = [layer for layer in range(self.layers) if experts.layers[layer]]
        stored = [
            experts.tensor(layer, 0, name) for layer in layers for name in experts.keys.projections
        ]
        routers = [experts.router(layer) for layer in layers]
        own = [f"model.layers.{layer}.{each}" for layer in layers for each in experts.modules]
        return (*own, *(each.removesuffix(".weight") for each in (*routers, *stored)))

    def every_module(self) -> tuple[str, ...]:
        """Paths of all, the projections first."""
        return (*self.modules(), *self.other_modules())


def module(layer: int, projection: str) -> str:
    """Path of a projection inside the model."""
    block = "mlp" if projection in _MLP else "self_attn"
    return f"model.layers.{layer}.{block}.{projection}"
