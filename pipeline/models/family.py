"""What may set the decoders of one family apart from those of another, as data.

All have seven projections a layer under the names of `PROJECTIONS`, RMS norms, a rotary embedding
and a gated feed-forward block. The families themselves are in `families.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.errors import UsageError
from pipeline.models.files import is_number

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
PROJECTIONS = (*ATTENTION, *FEED_FORWARD)
QKV = ATTENTION[:3]

Types = Mapping[str, tuple[type, ...]]
"""By key of a `config.json`, the types that its value may have."""
NULL = type(None)


COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
"""What transformers fills in for every family."""


@dataclass(frozen=True)
class Norms:
    """Names of a layer's norms by the place where they stand; None where a family has none.

    Those of a block's input stand in the layer, those of single heads in its attention.
    """

    before_attention: str | None = "input_layernorm"
    after_attention: str | None = None
    before_feed_forward: str | None = "post_attention_layernorm"
    after_feed_forward: str | None = None
    query_heads: str | None = None
    key_heads: str | None = None

    @property
    def layer(self) -> tuple[str, ...]:
        """Of hidden states, in the order of computation."""
        attention = (self.before_attention, self.after_attention)
        feed_forward = (self.before_feed_forward, self.after_feed_forward)
        return tuple(each for each in (*attention, *feed_forward) if each is not None)

    @property
    def heads(self) -> tuple[str, ...]:
        """Of queries and keys, head by head."""
        return tuple(each for each in (self.query_heads, self.key_heads) if each is not None)


@dataclass(frozen=True)
class Scales:
    """What a decoder multiplies by, and where it caps; a family's `config.json` may say otherwise.

    Attributes:
        attention: the products of queries and keys; None for 1 / √head_dim.
        embedding: the rows of the input embedding.
        residual: what a block adds to the residual stream.
        logits: what the logits are divided by.
        attention_cap: c in c · tanh(x / c) of what goes into the softmax; None for no cap.
        logits_cap: the same of the logits.
    """

    attention: float | None = None
    embedding: float = 1.0
    residual: float = 1.0
    logits: float = 1.0
    attention_cap: float | None = None
    logits_cap: float | None = None


PLAIN = Scales()


@dataclass(frozen=True)
class Family:
    """The decoders of one `model_type`, as transformers 5 computes them.

    Attributes:
        name: transformers' `model_type`.
        gguf: llama.cpp's name of the architecture that computes the same; None if it has none.
        defaults: what transformers fills in where a `config.json` is silent.
        types: of values that this family's `config.json` has beyond what all have.
        biased: projections that have a bias whatever the `config.json` says.
        biases: projections that have one if the `config.json` says so, by its key.
        norms: where norms stand, and what they are called.
        windows: which layers have the `sliding_window`: none ever; all, unless `layer_types` says
            otherwise; or those of `layer_types` or from `max_window_layers` on, if
            `use_sliding_window` is true.
        scales: keys of the `config.json` that say what is multiplied or capped, by the field of
            `Scales`.
        strict: transformers asks that `hidden_size` be a multiple of the heads, whatever
            `head_dim` is, and that `initializer_range` be from 0 to 1.
    """

    name: str
    gguf: str | None
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    types: Types = field(default_factory=dict, hash=False, repr=False)
    biased: tuple[str, ...] = ()
    biases: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    norms: Norms = Norms()
    windows: Literal["none", "all", "asked"] = "none"
    scales: Mapping[str, str] = field(default_factory=dict, hash=False)
    strict: bool = False

    def fill(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A `config.json` with what transformers fills in."""
        return {**COMMON, **self.defaults, **config}

    def biased_in(self, full: Mapping[str, Any]) -> tuple[str, ...]:
        """The projections that have a bias, by a filled `config.json`."""
        said = (projections for key, projections in self.biases.items() if full[key])
        return self.biased + tuple(each for projections in said for each in projections)

    def scales_in(self, full: Mapping[str, Any], where: str) -> Scales:
        """What is multiplied and capped, by a filled `config.json`.

        Raises:
            UsageError: one of them isn't a number.
        """
        found = {ours: full[key] for ours, key in self.scales.items()}
        for ours, key in self.scales.items():
            absent = found[ours] is None and getattr(PLAIN, ours) is None
            if not absent and not is_number(found[ours]):
                raise UsageError(f"{where}: {key} is {found[ours]!r:.80}, not a number; correct it")
        return Scales(**found)

    def windows_in(self, full: Mapping[str, Any]) -> tuple[int | None, ...]:
        """Per layer, by a filled `config.json`: what it leaves open is as transformers has it."""
        layers: int = full["num_hidden_layers"]
        window: int | None = full.get("sliding_window")
        asked = self.windows == "asked"
        if self.windows == "none" or window is None or (asked and not full["use_sliding_window"]):
            return (None,) * layers
        if kinds := full.get("layer_types"):
            return tuple(window if kind == "sliding_attention" else None for kind in kinds)
        first = full["max_window_layers"] if asked else 0
        return tuple(window if layer >= first else None for layer in range(layers))
