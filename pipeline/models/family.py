"""What may set the decoders of one family apart from those of another, as data.

All have projections of queries, keys and values, of what attention gives, and of both halves of a
gated feed-forward block and what it gives; RMS norms, and a rotary embedding in most layers. The
families themselves are in `families.py`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.files import is_number
from pipeline.models.windows import ON_DEMAND, Windows, windowed

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")
PROJECTIONS = (*ATTENTION, *FEED_FORWARD)
QKV = ATTENTION[:3]
SITES = (QKV, ("o_proj",), ("gate_proj", "up_proj"), ("down_proj",))
"""The four places of a layer where it multiplies; projections of one have the same input."""
FUSED = (("qkv_proj",), ("o_proj",), ("gate_up_proj",), ("down_proj",))
"""The same where those of one place are stored as one."""
LINEAR = frozenset(name for sites in (SITES, FUSED) for site in sites for name in site)
"""Names of projections in any family."""

EXPERTS, EXPERTS_TOO = "num_experts", "num_local_experts"
"""The key of how many experts there are, and what a `config.json` may call it instead."""
EXPERTS_USED = "num_experts_per_tok"
"""The key of how many of them a token uses."""

Types = Mapping[str, tuple[type, ...]]
"""By key of a `config.json`, the types that its value may have."""
NULL = type(None)


COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
"""What transformers fills in for every family."""


@dataclass(frozen=True)
class Norms:
    """Names of a layer's norms by the place where they stand; None where a family has none.

    Those of a block's input and of what it adds stand in the layer, those of queries and keys in
    its attention: of single heads, or with `all_heads` of all of them together. `shift` is added to
    the weights of every norm, if they are `weighted`. Those of blocks and of the last hidden states
    are RMS norms of what is there, or where they are `centred` of what differs from its mean.
    """

    before_attention: str | None = "input_layernorm"
    after_attention: str | None = None
    before_feed_forward: str | None = "post_attention_layernorm"
    after_feed_forward: str | None = None
    query_heads: str | None = None
    key_heads: str | None = None
    all_heads: bool = False
    shift: float = 0.0
    weighted: bool = True
    centred: bool = False

    @property
    def layer(self) -> tuple[str, ...]:
        """Of hidden states, in the order of computation."""
        attention = (self.before_attention, self.after_attention)
        feed_forward = (self.before_feed_forward, self.after_feed_forward)
        return tuple(each for each in (*attention, *feed_forward) if each is not None)

    @property
    def heads(self) -> tuple[str, ...]:
        """Of queries and keys."""
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
        clip_qkv: the largest magnitude of a query's, key's or value's number, before positions turn
            them; None for any.
    """

    attention: float | None = None
    embedding: float = 1.0
    residual: float = 1.0
    logits: float = 1.0
    attention_cap: float | None = None
    logits_cap: float | None = None
    clip_qkv: float | None = field(default=None, repr=False)  # ModelConfig.recipe has it by itself


PLAIN = Scales()
NEVER_ZERO = ("attention", "logits", "attention_cap", "logits_cap", "clip_qkv")
"""Those by which something is divided, or by which all positions would count alike."""
BOUNDS = ("clip_qkv",)
LARGEST = 3.4028234663852886e38
"""Number of 32 bits: no bound is larger, nor below 0."""


@dataclass(frozen=True)
class ExpertKeys:
    """How a family that has experts stores them, and which keys of its `config.json` tell of them.

    Attributes:
        block: path inside a layer under which a checkpoint has router and experts.
        projections: names of an expert's own, in the order of `FEED_FORWARD`.
        width: key of the width inside one.
        normalised: key that says whether the weights of those in use add up to 1; None if they do
            whatever is said.
        shared: key of the width of an expert that every token uses beside its own; None for none.
        dense: layers may have none: those in `mlp_only_layers`, and all but each
            `decoder_sparse_step`th.
    """

    block: str = "mlp"
    projections: tuple[str, str, str] = FEED_FORWARD
    width: str = "intermediate_size"
    normalised: str | None = "norm_topk_prob"
    shared: str | None = None
    dense: bool = False

    def layers_in(self, full: Mapping[str, Any]) -> tuple[bool, ...]:
        """Per layer, by a filled `config.json`, whether it has experts."""
        layers = range(full["num_hidden_layers"])
        if not self.dense:
            return (True,) * len(layers)
        without, every = full["mlp_only_layers"] or (), full["decoder_sparse_step"]
        return tuple(each not in without and (each + 1) % every == 0 for each in layers)


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
        windows: which layers have the `sliding_window`, see `windows.py`.
        scales: keys of the `config.json` that say what is multiplied or capped, by the field of
            `Scales`.
        powers: the same of scales that are a power of what the key says, with the exponent.
        sites: names of the projections, by the four places of a layer.
        experts: how it has experts in place of one feed-forward block; None for a family of none.
        keys: what this family's `config.json` calls what others call by the first of each pair.
        fixed: what counts for all of a family, whatever a `config.json` says.
        weightless: paths inside a layer of modules that have no weights.
        nope: some layers turn no queries and keys: those that have a 0 in `no_rope_layers`, or
            where that is silent every `no_rope_layer_interval`th.
        own_rope: layers with a window have a rotary embedding of their own.
        partial: `partial_rotary_factor` counts for the default kind of rotary embedding, too.
        ropes: kinds of rotary embedding that transformers takes, by what a `config.json` calls
            them; empty for all, by their names.
        targets: what PEFT adapts where a configuration names no `target_modules`; it asks for them
            where this is empty.
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
    windows: Windows = "none"
    scales: Mapping[str, str] = field(default_factory=dict, hash=False)
    powers: Mapping[str, tuple[str, float]] = field(default_factory=dict, hash=False)
    sites: tuple[tuple[str, ...], ...] = SITES
    experts: ExpertKeys | None = None
    keys: Mapping[str, str] = field(default_factory=dict, hash=False)
    fixed: Mapping[str, Any] = field(default_factory=dict, hash=False)
    weightless: tuple[str, ...] = ("mlp.act_fn",)
    nope: bool = False
    own_rope: bool = False
    partial: bool = False
    ropes: Mapping[str, str] = field(default_factory=dict, hash=False)
    targets: tuple[str, ...] = ()
    strict: bool = False

    @property
    def projections(self) -> tuple[str, ...]:
        """Names of all, in the order of computation."""
        return tuple(name for site in self.sites for name in site)

    def holding(self, projections: Collection[str]) -> tuple[str, ...]:
        """Names of this family's projections that hold some of `PROJECTIONS`, fused or not."""
        pairs = zip(self.sites, SITES, strict=True)
        return tuple(
            name
            for site, plain in pairs
            for name in site
            if name in projections or (name not in PROJECTIONS and {*plain} & {*projections})
        )

    def fill(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A `config.json` with what transformers fills in."""
        full = {**COMMON, **self.defaults, **config}
        if EXPERTS not in config and EXPERTS_TOO in config:
            full[EXPERTS] = config[EXPERTS_TOO]
        unused = self.windows in ON_DEMAND and full["use_sliding_window"] is False
        if unused and full.get("sliding_window") == 0:  # As transformers saves Qwen2-MoE's.
            full["sliding_window"] = None
        return {**full, **{ours: full[theirs] for ours, theirs in self.keys.items()}, **self.fixed}

    def biased_in(self, full: Mapping[str, Any]) -> tuple[str, ...]:
        """The projections that have a bias, by a filled `config.json`."""
        said = (projections for key, projections in self.biases.items() if full[key])
        return self.biased + tuple(each for projections in said for each in projections)

    def scales_in(self, full: Mapping[str, Any], where: str) -> Scales:
        """What is multiplied and capped, by a filled `config.json`.

        Raises:
            UsageError: one of them isn't a number, or 0 where that leaves nothing.
        """
        found = {ours: full[key] for ours, key in self.scales.items()}
        for ours, key in self.scales.items():
            absent = found[ours] is None and getattr(PLAIN, ours) is None
            if not absent and not is_number(found[ours]):
                raise UsageError(f"{where}: {key} is {found[ours]!r:.80}, not a number; correct it")
            if found[ours] == 0 and ours in NEVER_ZERO:
                raise UsageError(f"{where}: {key} is 0, which leaves nothing to go by; correct it")
            if not absent and ours in BOUNDS and not 0 < found[ours] <= LARGEST:
                raise UsageError(
                    f"{where}: {key} is {found[ours]:g}, no bound of floats; correct it"
                )
        powers = {ours: full[key] ** exponent for ours, (key, exponent) in self.powers.items()}
        return Scales(**found, **powers)

    def windows_in(self, full: Mapping[str, Any]) -> tuple[int | None, ...]:
        """Per layer, by a filled `config.json`: what it leaves open is as transformers has it."""
        layers: int = full["num_hidden_layers"]
        window: int | None = full.get("sliding_window")
        if window is None:
            return (None,) * layers
        found = windowed(self.windows, full, self.turned_in(full))
        return tuple(window if each else None for each in found)

    def turned_in(self, full: Mapping[str, Any]) -> tuple[bool, ...]:
        """Per layer, by a filled `config.json`, whether positions turn its queries and keys."""
        layers: int = full["num_hidden_layers"]
        if not self.nope:
            return (True,) * layers
        if (said := full.get("no_rope_layers")) is not None:
            return tuple(bool(each) for each in said[:layers])
        every = full["no_rope_layer_interval"]
        return tuple((layer + 1) % every != 0 for layer in range(layers))
