"""Whether the values of a `config.json` can be a decoder's at all."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.families import FAMILIES
from pipeline.models.family import EXPERTS, EXPERTS_TOO, EXPERTS_USED
from pipeline.models.layer_check import LAYERS, check_experts, check_layers

COUNTS = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings"),
    *("sliding_window", "sliding_window_pattern", "no_rope_layer_interval"),
    *("query_pre_attn_scalar", "original_max_position_embeddings"),
    *(EXPERTS, EXPERTS_TOO, EXPERTS_USED, "moe_intermediate_size"),
    *("decoder_sparse_step", "shared_expert_intermediate_size"),
)
MAX_COUNT = 2**31 - 1
"""No count is larger, nor is a token's id: libraries keep both in 32 bits."""
MAX_LAYERS = 10_000
IDS = ("pad_token_id", "bos_token_id", "eos_token_id")
ACTIVATIONS = (
    *("silu", "swish", "relu", "relu2", "relu6", "gelu", "gelu_10", "gelu_accurate", "gelu_fast"),
    *("gelu_new", "gelu_python", "gelu_python_tanh", "gelu_pytorch_tanh", "quick_gelu", "laplace"),
    *("leaky_relu", "linear", "mish", "prelu", "sigmoid", "sqrtsoftplus", "tanh", "xielu"),
    "hardswish",
)
"""Known to transformers 5; which of them an engine computes is the engine's to say."""
ONLY: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "is_causal": ((True, None), "tokens then see those after them, which is no decoder's"),
    "is_encoder_decoder": ((False, None), "it is no decoder's"),
    "return_dict": ((True, None), "transformers then can't generate"),
    "output_attentions": ((False, None), "transformers then computes attention otherwise"),
    "output_hidden_states": ((False, True, None), "transformers then fails"),
    "use_bidirectional_attention": ((False, None), "tokens then see those after them"),
    "_attn_implementation": ((None, "sdpa", "eager"), "no engine here computes attention so"),
    **dict.fromkeys(
        ("use_return_dict", "experts_implementation", "_experts_implementation"),
        ((), "transformers then fails"),
    ),
    **dict.fromkeys(("text_config", "per_layer_config"), ((), "it is no plain decoder's")),
}
"""By key the values that leave a model what it is, and what others do."""


def check_values(config: Mapping[str, Any], where: str) -> None:
    """Refuse what transformers would fail at, or compute nonsense or something else from.

    Args:
        config: with its family's defaults filled in, every value of the type it must have.
        where: the file, for the error.

    Raises:
        UsageError: a value is impossible; with the key.
    """
    _check_counts(config, where)
    check_ids(config, IDS, where)
    for key, (values, why) in ONLY.items():
        if key in config and not any(_same(config[key], value) for value in values):
            raise UsageError(f"{where}: {key} is {config[key]!r:.80}: {why}; take it out")
    if config["hidden_act"] not in ACTIVATIONS:
        raise UsageError(
            f"{where}: hidden_act {config['hidden_act']!r:.80} isn't known to transformers; "
            "correct it"
        )
    epsilon = config["rms_norm_eps"]
    if not math.isfinite(epsilon) or epsilon < 0:
        raise UsageError(f"{where}: rms_norm_eps is {epsilon}, not a number above 0; correct it")
    spread = config.get("initializer_range", 0.0)
    if FAMILIES[config["model_type"]].strict and not 0 <= spread <= 1:
        raise UsageError(f"{where}: initializer_range is {spread}, not from 0 to 1; correct it")
    _check_ropes(config, where)
    _check_heads(config, where)
    _check_padding(config, where)
    family = FAMILIES[config["model_type"]]
    check_layers(config, family, where)
    if family.experts is not None:
        check_experts(config, where)


def check_ids(said: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    """Refuse what can be no token's id; below zero is how some files say that there is none.

    Raises:
        UsageError: with the key and its value.
    """
    for key in keys:
        given = said.get(key)
        ids = given if isinstance(given, list) else [] if given is None else [given]
        if not all(type(each) is int and abs(each) <= MAX_COUNT for each in ids):
            raise UsageError(f"{where}: {key} is {given!r:.80}, not a token's id; correct it")


def heads_in(config: Mapping[str, Any]) -> tuple[int, int, int]:
    """Query heads, key and value heads and the width of one, as transformers fills them in."""
    heads: int = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    return heads, config.get("num_key_value_heads") or heads, width


def _check_counts(config: Mapping[str, Any], where: str) -> None:
    for key in COUNTS:
        value = config.get(key)
        if value is not None and (type(value) is not int or value < 1):
            raise UsageError(
                f"{where}: {key} is {value!r:.80}, not a whole number above 0; correct it"
            )
        limit = MAX_LAYERS if key == "num_hidden_layers" else MAX_COUNT
        if value is not None and value > limit:
            raise UsageError(f"{where}: {key} is {value!r:.80}, beyond {limit}; correct it")
    if config.get("sliding_window") == 1:
        raise UsageError(
            f"{where}: sliding_window is 1: tokens then see themselves alone, which transformers' "
            "cache doesn't keep to; correct it"
        )


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _check_ropes(config: Mapping[str, Any], where: str) -> None:
    """Where each kind of layer has its own."""
    said = config.get("rope_parameters") or {}
    for kind in LAYERS if FAMILIES[config["model_type"]].own_rope else ():
        if not isinstance(said.get(kind), dict | None):
            raise UsageError(f"{where}: rope_parameters.{kind} isn't an object; correct it")


def _check_heads(config: Mapping[str, Any], where: str) -> None:
    (heads, shared, width), hidden = heads_in(config), config["hidden_size"]
    if heads % shared or width % 2 or not width:
        raise UsageError(
            f"{where}: {heads} heads of {width} can't share {shared} key and value heads; correct "
            "num_attention_heads, num_key_value_heads or head_dim"
        )
    family = FAMILIES[config["model_type"]]
    if family.strict and hidden % heads:
        raise UsageError(
            f"{where}: hidden_size {hidden} isn't a multiple of num_attention_heads {heads}, which "
            f"transformers asks of a {family.name.capitalize()}, whatever head_dim is; correct it"
        )


def _check_padding(config: Mapping[str, Any], where: str) -> None:
    padding, vocabulary = config.get("pad_token_id"), config["vocab_size"]
    if padding is not None and not -vocabulary <= padding < vocabulary:
        raise UsageError(
            f"{where}: pad_token_id is {padding}, beyond vocab_size={vocabulary}; correct it"
        )
