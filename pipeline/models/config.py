"""The shape of a decoder, read from its `config.json` without loading a weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError
from pipeline.models.config_check import check_values
from pipeline.models.config_types import check_types
from pipeline.models.families import FAMILIES, PROJECTIONS, biased, rope, windows
from pipeline.models.json_file import is_there, read_object

CONFIG = "config.json"
_HEAD_NORMS = (".self_attn.q_norm", ".self_attn.k_norm")


@dataclass(frozen=True)
class ModelConfig:
    """The one description of a Llama-family decoder; no engine reads `config.json` for itself.

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
        tied: the output layer is the embedding, unless the checkpoint stores two that differ.
        biased: the projections that have a bias.
        activation: between the two halves of the feed-forward block.
        epsilon: added to the mean square in every RMS norm.
        windows: per layer, how many positions a token sees, itself included; None for all.
        rope: parameters of the rotary embedding, as transformers 5 spells them.
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
    tied: bool = False
    biased: tuple[str, ...] = ()
    activation: str = "silu"
    epsilon: float = 1e-6
    windows: tuple[int | None, ...] = ()
    rope: Mapping[str, Any] = field(default_factory=lambda: rope({}), hash=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """The model that a `config.json` describes, as transformers reads it.

        Raises:
            UsageError: the family isn't one of `FAMILIES`, or a value is missing or impossible.
        """
        family = str(config.get("model_type"))
        if family not in FAMILIES:
            raise UsageError(
                f"{where}: model_type {family!r:.80} isn't supported; "
                f"use one of {', '.join(FAMILIES)}"
            )
        full = {**FAMILIES[family], **config}
        check_types(full, where)
        try:
            check_values(full, rope(full), where)
            heads = full["num_attention_heads"]
            return cls(
                family=family,
                hidden=full["hidden_size"],
                intermediate=full["intermediate_size"],
                layers=full["num_hidden_layers"],
                heads=heads,
                kv_heads=full.get("num_key_value_heads") or heads,
                head_dim=full.get("head_dim") or full["hidden_size"] // heads,
                vocabulary=full["vocab_size"],
                positions=full["max_position_embeddings"],
                tied=bool(full["tie_word_embeddings"]),
                biased=biased(full),
                activation=full["hidden_act"],
                epsilon=full["rms_norm_eps"],
                windows=windows(full),
                rope=rope(full),
            )
        except KeyError as error:
            raise UsageError(f"{where}: {error.args[0]} is missing; is it a decoder's?") from error

    @property
    def head_norms(self) -> bool:
        """Whether queries and keys are normalised head by head."""
        return self.family == "qwen3"

    @property
    def seen(self) -> int:
        """The longest sequence in which every token sees all before it, in every layer."""
        return min([self.positions, *(each for each in self.windows if each is not None)])

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Of the checkpoint in `folder`."""
        return cls.from_config(read_config(folder), str(folder / CONFIG))

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

    def other_modules(self) -> tuple[str, ...]:
        """Paths of all that isn't one of the seven projections."""
        inside = ["", ".self_attn", ".mlp", ".input_layernorm", ".post_attention_layernorm"]
        inside += [".mlp.act_fn", *(_HEAD_NORMS if self.head_norms else ())]
        layers = [f"model.layers.{layer}" for layer in range(self.layers)]
        outside = ["model", "model.embed_tokens", "model.layers", "model.norm", "lm_head"]
        outside += ["model.rotary_emb"]
        return (*outside, *(f"{layer}{part}" for layer in layers for part in inside))

    def every_module(self) -> tuple[str, ...]:
        """Paths of all, the projections first."""
        return (*self.modules(), *self.other_modules())


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` in `folder`.

    Raises:
        UsageError: there is none, or it isn't JSON.
    """
    path = folder / CONFIG
    if not is_there(path):
        raise UsageError(f"{folder}: no {CONFIG}; name the folder of a checkpoint")
    return read_object(path)


def _block(projection: str) -> str:
    return "self_attn" if projection in PROJECTIONS[:4] else "mlp"
