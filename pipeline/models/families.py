"""The families served here: what sets the decoders of one `model_type` apart, as data.

Each has seven projections a layer under the names of `PROJECTIONS`, RMS norms, a rotary embedding
and a gated feed-forward block. The next family is one entry more in `FAMILIES`, and its tests; what
an entry can't say is no family of this kind. docs/families.md shows how one is added.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
PROJECTIONS = (*ATTENTION, *FEED_FORWARD)
QKV = ATTENTION[:3]

Types = Mapping[str, tuple[type, ...]]
"""By key of a `config.json`, the types that its value may have."""
NULL = type(None)


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
            `pipeline.models.config.Scales`.
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


COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
"""What transformers fills in for every family."""
_WINDOW: Types = {"sliding_window": (int, NULL), "attention_dropout": (int, float)}
_QWEN = {
    "max_position_embeddings": 32768,
    "num_key_value_heads": 32,
    "sliding_window": 4096,
    "use_sliding_window": False,
    "max_window_layers": 28,
}
_QWEN_TYPES: Types = {**_WINDOW, "use_sliding_window": (bool,), "max_window_layers": (int,)}

_ENTRIES = (
    Family(
        "llama",
        gguf="llama",
        defaults={"max_position_embeddings": 2048, "attention_bias": False, "mlp_bias": False},
        types={
            **dict.fromkeys(("attention_bias", "mlp_bias"), (bool,)),
            **dict.fromkeys(("pretraining_tp", "head_dim"), (int, NULL)),
        },
        biases={"attention_bias": ATTENTION, "mlp_bias": FEED_FORWARD},
        strict=True,
    ),
    Family(
        "mistral",
        gguf="llama",
        defaults={
            "max_position_embeddings": 131072,
            "num_key_value_heads": 8,
            "sliding_window": 4096,
        },
        types={**_WINDOW, "num_key_value_heads": (int,), "head_dim": (int, NULL)},
        windows="all",
    ),
    Family("qwen2", gguf="qwen2", defaults=_QWEN, types=_QWEN_TYPES, biased=QKV, windows="asked"),
    Family(
        "qwen3",
        gguf="qwen3",
        defaults=_QWEN | {"head_dim": 128, "attention_bias": False},
        types={**_QWEN_TYPES, "attention_bias": (bool,), "head_dim": (int,)},
        biases={"attention_bias": ATTENTION},
        norms=Norms(query_heads="q_norm", key_heads="k_norm"),
        windows="asked",
    ),
)
FAMILIES: dict[str, Family] = {each.name: each for each in _ENTRIES}
"""By transformers' `model_type`."""
