"""A model as its `config.json` describes it, read once and without loading a weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError
from pipeline.models.config_check import are_ids, check_values, refuse_quantised
from pipeline.models.config_types import check_types
from pipeline.models.families import FAMILIES
from pipeline.models.family import FEED_FORWARD, PLAIN, PROJECTIONS, Family, Scales
from pipeline.models.files import is_there, read_object
from pipeline.models.rope import RopeConfig

CONFIG, GENERATION = "config.json", "generation_config.json"
SPECIAL = ("bos", "eos", "unk", "pad")
DECISIVE = (
    *("hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim", "vocabulary"),
    *("positions", "tied", "biased", "activation", "epsilon", "windows"),
)
"""What `ModelConfig.recipe` has, family and rotary embedding aside."""


@dataclass(frozen=True)
class ModelConfig:
    """The one description of a decoder; no engine reads `config.json` for itself.

    Attributes:
        family: its entry among the families, which has what no `config.json` says.
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
        rope: the rotary embedding.
        scales: what is multiplied and capped.
        end_ids: ids that end a text, as transformers' `generate` takes them.
        special_ids: ids of the `SPECIAL` tokens that the `config.json` names, below zero too.
        weights: the file that the `config.json` names for the weights; None for the usual ones.
    """

    family: Family
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
    rope: RopeConfig = field(default_factory=RopeConfig.plain)
    scales: Scales = PLAIN
    end_ids: frozenset[int] = field(default=frozenset(), compare=False)
    special_ids: Mapping[str, Any] = field(default_factory=dict, compare=False)
    weights: Any = field(default=None, compare=False)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Of the checkpoint in `folder`.

        Raises:
            UsageError: as `from_config`, or a file isn't there, isn't JSON, or names no ids.
        """
        path, generation = folder / CONFIG, folder / GENERATION
        if not is_there(path):
            raise UsageError(f"{folder}: no {CONFIG}; name the folder of a checkpoint")
        config = cls.from_config(read_object(path), str(path))
        if not is_there(generation):
            return config
        # It alone counts where there is one, even if it names none.
        ids = _end_ids(read_object(generation), str(generation))
        return replace(config, end_ids=ids)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], where: str) -> Self:
        """The model that a `config.json` describes, as transformers reads it.

        Raises:
            UsageError: the family isn't one of `FAMILIES`, or a value is missing or impossible, or
                the weights are quantised.
        """
        name = str(config.get("model_type"))
        if name not in FAMILIES:
            raise UsageError(
                f"{where}: model_type {name!r:.80} isn't supported; "
                f"use one of {', '.join(FAMILIES)}"
            )
        full = FAMILIES[name].fill(config)
        check_types(full, where)
        try:
            check_values(full, where)
            found = cls._of(FAMILIES[name], full, where)
        except KeyError as error:
            raise UsageError(f"{where}: {error.args[0]} is missing; is it a decoder's?") from error
        refuse_quantised(config, where)
        return found

    @classmethod
    def _of(cls, family: Family, full: Mapping[str, Any], where: str) -> Self:
        heads, hidden = full["num_attention_heads"], full["hidden_size"]
        head_dim = full.get("head_dim") or hidden // heads
        return cls(
            family=family,
            hidden=hidden,
            intermediate=full["intermediate_size"],
            layers=full["num_hidden_layers"],
            heads=heads,
            kv_heads=full.get("num_key_value_heads") or heads,
            head_dim=head_dim,
            vocabulary=full["vocab_size"],
            positions=full["max_position_embeddings"],
            tied=bool(full["tie_word_embeddings"]),
            biased=family.biased_in(full),
            activation=full["hidden_act"],
            epsilon=full["rms_norm_eps"],
            windows=family.windows_in(full),
            rope=RopeConfig.from_config(full, head_dim, where),
            scales=family.scales_in(full, where),
            end_ids=_end_ids(full, where),
            special_ids={kind: full.get(f"{kind}_token_id") for kind in SPECIAL},
            weights=full.get("transformers_weights"),
        )

    @property
    def head_norms(self) -> bool:
        """Whether queries and keys are normalised head by head."""
        return bool(self.family.norms.heads)

    @property
    def seen(self) -> int:
        """The longest sequence in which every token sees all before it, in every layer."""
        return min([self.positions, *(each for each in self.windows if each is not None)])

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
            module(layer, name): self.projection_shape(name)
            for layer in range(self.layers)
            for name in PROJECTIONS
        }

    def other_modules(self) -> tuple[str, ...]:
        """Paths of all that isn't one of the seven projections."""
        norms = self.family.norms
        inside = ["", ".self_attn", ".mlp", *(f".{each}" for each in norms.layer)]
        inside += [".mlp.act_fn", *(f".self_attn.{each}" for each in norms.heads)]
        layers = [f"model.layers.{layer}" for layer in range(self.layers)]
        outside = ["model", "model.embed_tokens", "model.layers", "model.norm", "lm_head"]
        outside += ["model.rotary_emb"]
        return (*outside, *(f"{layer}{part}" for layer in layers for part in inside))

    def every_module(self) -> tuple[str, ...]:
        """Paths of all, the projections first."""
        return (*self.modules(), *self.other_modules())

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides its tensors and what they compute; names of cached files hold its hash.

        Keys, their order and the spelling of values therefore stay, and what is new stands in it
        only where it isn't as it was for all models before.
        """
        found = {"family": self.family.name, **{name: getattr(self, name) for name in DECISIVE}}
        found["rope"] = self.rope.parameters
        return found if self.scales == PLAIN else found | {"scales": repr(self.scales)}

    @property
    def recipe_line(self) -> str:
        """The same in a line."""
        return f"Architecture({', '.join(f'{key}={each!r}' for key, each in self.recipe.items())})"


def module(layer: int, projection: str) -> str:
    """Path of a projection inside the model."""
    block = "mlp" if projection in FEED_FORWARD else "self_attn"
    return f"model.layers.{layer}.{block}.{projection}"


def _end_ids(said: Mapping[str, Any], where: str) -> frozenset[int]:
    given = said.get("eos_token_id")
    ids = given if isinstance(given, list) else [] if given is None else [given]
    if not are_ids(ids):
        raise UsageError(f"{where}: eos_token_id is {given!r:.80}, not a token id; correct it")
    return frozenset(ids)
