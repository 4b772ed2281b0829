"""The shape of a decoder, read from its `config.json` without loading a weight."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
"""The model types whose layers have the seven projections below, under these names."""

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Architecture:
    """Dimensions of a Llama-family decoder.

    Attributes:
        family: transformers' `model_type`.
        hidden: width of the residual stream.
        intermediate: width inside the feed-forward block.
        layers: number of decoder layers.
        heads: query heads.
        kv_heads: key and value heads.
        head_dim: width of one head.
        vocabulary: number of token ids.
        positions: longest sequence.
    """

    family: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int

    @classmethod
    def from_config(cls, config: dict[str, Any], where: str) -> Self:
        """The architecture a `config.json` describes.

        Raises:
            UsageError: the family isn't one of `FAMILIES`, or a dimension is missing.
        """
        family = config.get("model_type")
        if family not in FAMILIES:
            raise UsageError(
                f"{where}: model_type {family!r} isn't supported; use one of {', '.join(FAMILIES)}"
            )
        try:
            heads = config["num_attention_heads"]
            return cls(
                family=family,
                hidden=config["hidden_size"],
                intermediate=config["intermediate_size"],
                layers=config["num_hidden_layers"],
                heads=heads,
                kv_heads=config.get("num_key_value_heads") or heads,
                head_dim=config.get("head_dim") or config["hidden_size"] // heads,
                vocabulary=config["vocab_size"],
                positions=config.get("max_position_embeddings", 2048),
            )
        except KeyError as error:
            raise UsageError(f"{where}: {error.args[0]} is missing; is it a decoder's?") from error

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The architecture of the checkpoint in `folder`."""
        path = folder / "config.json"
        if not path.is_file():
            raise UsageError(f"{folder}: no config.json; name the folder of a checkpoint")
        try:
            return cls.from_config(json.loads(path.read_text("utf-8")), str(path))
        except json.JSONDecodeError as error:
            raise UsageError(f"{path}: not JSON ({error}); fetch the checkpoint again") from error

    def projection_shape(self, name: str) -> tuple[int, int]:
        """(out, in) features of one of the seven `PROJECTIONS`."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
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
            f"model.layers.{layer}.{_block(name)}.{name}": self.projection_shape(name)
            for layer in range(self.layers)
            for name in PROJECTIONS
        }


def _block(projection: str) -> str:
    return "self_attn" if projection in PROJECTIONS[:4] else "mlp"
