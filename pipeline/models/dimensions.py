"""A decoder's dimensions, and the modules that it has by them."""

from dataclasses import dataclass

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
    """

    family: Family
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int

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
        """(out, in) features of every projection, by its path inside the model."""
        return {
            module(layer, name): self.projection_shape(name)
            for layer in range(self.layers)
            for name in self.family.projections
        }

    def other_modules(self) -> tuple[str, ...]:
        """Paths of all that isn't one of the projections."""
        norms = self.family.norms
        inside = ["", ".self_attn", ".mlp", *(f".{each}" for each in norms.layer)]
        inside += [
            *(f".{each}" for each in self.family.weightless),
            *(f".self_attn.{each}" for each in norms.heads),
        ]
        layers = [f"model.layers.{layer}" for layer in range(self.layers)]
        outside = ["model", "model.embed_tokens", "model.layers", "model.norm", "lm_head"]
        outside += ["model.rotary_emb"]
        return (*outside, *(f"{layer}{part}" for layer in layers for part in inside))

    def every_module(self) -> tuple[str, ...]:
        """Paths of all, the projections first."""
        return (*self.modules(), *self.other_modules())


def module(layer: int, projection: str) -> str:
    """Path of a projection inside the model."""
    block = "mlp" if projection in _MLP else "self_attn"
    return f"model.layers.{layer}.{block}.{projection}"
