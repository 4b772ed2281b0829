"""Whether the values of a `config.json` can be a decoder's at all."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError

COUNTS = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings"),
)
ROPE_NEEDS = {
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor",),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
}
"""What a kind of rotary embedding can't do without."""


def check_values(config: Mapping[str, Any], rope: Mapping[str, Any], where: str) -> None:
    """Refuse what transformers would fail at, or compute nonsense from.

    Args:
        config: with its family's defaults filled in.
        rope: its rotary embedding's parameters.
        where: the file, for the error.

    Raises:
        UsageError: a dimension isn't a whole number above 0, heads don't fit, the padding token is
            beyond the vocabulary, or the rotary embedding lacks a parameter.
    """
    for key in COUNTS:
        value = config.get(key)
        if value is not None and (type(value) is not int or value < 1):
            raise UsageError(f"{where}: {key} is {value!r}, not a whole number above 0; correct it")
    heads = config["num_attention_heads"]
    shared = config.get("num_key_value_heads") or heads
    width = config.get("head_dim") or config["hidden_size"] // heads
    if heads % shared or width % 2:
        raise UsageError(
            f"{where}: {heads} heads of {width} can't share {shared} key and value heads; correct "
            "num_attention_heads, num_key_value_heads or head_dim"
        )
    padding, vocabulary = config.get("pad_token_id"), config["vocab_size"]
    if padding is not None and not -vocabulary <= padding < vocabulary:
        raise UsageError(
            f"{where}: pad_token_id is {padding}, beyond vocab_size={vocabulary}; correct it"
        )
    for key in ROPE_NEEDS.get(rope["rope_type"], ()):
        if not isinstance(rope.get(key), int | float):
            raise UsageError(f"{where}: rope_type {rope['rope_type']!r} needs {key}; state it")
