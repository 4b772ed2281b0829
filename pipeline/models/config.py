"""A model as its `config.json` describes it, read once and without loading a weight."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from pipeline.errors import UsageError
from pipeline.models.config_check import check_ids, check_values, heads_in
from pipeline.models.config_types import check_types
from pipeline.models.dimensions import Dimensions
from pipeline.models.expert_layers import ExpertLayers
from pipeline.models.families import FAMILIES
from pipeline.models.family import PLAIN, Family, Scales
from pipeline.models.files import is_there, read_object
from pipeline.models.quantization import refuse_quantised
from pipeline.models.rope import RopeConfig

CONFIG, GENERATION = "config.json", "generation_config.json"
SPECIAL = ("bos", "eos", "unk", "pad")
DECISIVE = (
    *("hidden", "intermediate", "layers", "heads", "kv_heads", "head_dim", "vocabulary"),
    *("positions", "tied", "biased", "activation", "epsilon", "windows"),
)
"""What `ModelConfig.recipe` has, family and rotary embedding aside."""


@dataclass(frozen=True)
class ModelConfig(Dimensions):
    """The one description of a decoder; no engine reads `config.json` for itself.

    Attributes, beside its dimensions:
        vocabulary: number of token ids.
        positions: longest sequence.
        tied: the output layer is the embedding, unless the checkpoint stores two that differ.
        biased: the projections that have a bias.
        activation: between the two halves of the feed-forward block.
        epsilon: added to the mean square in every RMS norm.
        windows: per layer, how many positions a token sees, itself included; None for all.
        rope: the rotary embedding.
        window_rope: that of layers with a window, where it is another.
        turned: per layer, whether positions turn its queries and keys at all; empty if all do.
        scales: what is multiplied and capped.
        end_ids: ids that end a text, as transformers' `generate` takes them.
        special_ids: ids of the `SPECIAL` tokens that the `config.json` names, below zero too.
        weights: the file that the `config.json` names for the weights; None for the usual ones.
    """

    vocabulary: int
    positions: int
    tied: bool = False
    biased: tuple[str, ...] = ()
    activation: str = "silu"
    epsilon: float = 1e-6
    windows: tuple[int | None, ...] = ()
    rope: RopeConfig = field(default_factory=RopeConfig.plain)
    window_rope: RopeConfig | None = None
    turned: tuple[bool, ...] = ()
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
        said = read_object(generation)
        check_ids(said, ("eos_token_id",), str(generation))
        return replace(config, end_ids=_end_ids(said))

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
        heads, kv_heads, head_dim = heads_in(full)
        return cls(
            family=family,
            hidden=full["hidden_size"],
            intermediate=full["intermediate_size"],
            layers=full["num_hidden_layers"],
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            experts=ExpertLayers.of(family.experts, full),
            vocabulary=full["vocab_size"],
            positions=full["max_position_embeddings"],
            tied=bool(full["tie_word_embeddings"]),
            biased=family.biased_in(full),
            activation=full["hidden_act"],
            epsilon=full["rms_norm_eps"],
            windows=family.windows_in(full),
            rope=RopeConfig.from_config(family, full, head_dim, where),
            window_rope=RopeConfig.of_windows(family, full, head_dim, where),
            turned=() if all(turned := family.turned_in(full)) else turned,
            scales=family.scales_in(full, where),
            end_ids=_end_ids(full),
            special_ids={kind: full.get(f"{kind}_token_id") for kind in SPECIAL},
            weights=full.get("transformers_weights"),
        )

    @property
    def seen(self) -> int:
        """The longest sequence in which every token sees all before it, in every layer."""
        return min([self.positions, *(each for each in self.windows if each is not None)])

    @property
    def steady(self) -> int:
        """The longest sequence by whose length no frequency of the rotary embedding changes."""
        return min([self.positions, *(each.steady for each in self.ropes if each.steady)])

    @property
    def ropes(self) -> tuple[RopeConfig, ...]:
        """All of its rotary embeddings."""
        return (self.rope, *([self.window_rope] if self.window_rope else []))

    def rope_of(self, layer: int) -> RopeConfig | None:
        """The rotary embedding of a layer; None where nothing is turned."""
        if self.turned and not self.turned[layer]:
            return None
        windowed = bool(self.windows) and self.windows[layer] is not None
        return self.window_rope if windowed and self.window_rope else self.rope

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides its tensors and what they compute; names of cached files hold its hash.

        Keys, their order and the spelling of values therefore stay, and what is new stands in it
        only where it isn't as it was for all models before.
        """
        found = {"family": self.family.name, **{name: getattr(self, name) for name in DECISIVE}}
        found["rope"] = self.rope.parameters
        found |= {} if self.scales == PLAIN else {"scales": repr(self.scales)}
        if self.scales.clip_qkv is not None:
            found["clip_qkv"] = self.scales.clip_qkv
        found |= {"window_rope": self.window_rope.parameters} if self.window_rope else {}
        found |= {"experts": repr(self.experts)} if self.experts else {}
        return found | ({"turned": self.turned} if self.turned else {})

    @property
    def recipe_line(self) -> str:
        """The same in a line, with the word before it with which adapters' cached files began."""
        return f"Architecture({', '.join(f'{key}={each!r}' for key, each in self.recipe.items())})"


def _end_ids(said: Mapping[str, Any]) -> frozenset[int]:
    given = said.get("eos_token_id")
    return frozenset(given if isinstance(given, list) else [] if given is None else [given])
