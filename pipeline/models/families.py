"""The families served here, and what transformers 5 fills in where a `config.json` is silent."""

from collections.abc import Mapping
from typing import Any

_COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
_QWEN = _COMMON | {
    "max_position_embeddings": 32768,
    "num_key_value_heads": 32,
    "sliding_window": 4096,
    "use_sliding_window": False,
    "max_window_layers": 28,
}

FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "llama": _COMMON
    | {
        "max_position_embeddings": 2048,
        "attention_bias": False,
        "mlp_bias": False,
    },
    "mistral": _COMMON
    | {
        "max_position_embeddings": 131072,
        "num_key_value_heads": 8,
        "sliding_window": 4096,
    },
    "qwen2": _QWEN,
    "qwen3": _QWEN | {"head_dim": 128, "attention_bias": False},
}
"""Defaults by model type. All have the seven projections of `PROJECTIONS`, under these names."""

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_ATTENTION, _FEED_FORWARD = PROJECTIONS[:4], PROJECTIONS[4:]


def biased(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The projections that have a bias; `config` has its family's defaults filled in."""
    family = config["model_type"]
    if family == "qwen2":
        return PROJECTIONS[:3]
    heeded = {key for key in ("attention_bias", "mlp_bias") if key in FAMILIES[family]}
    found = {key for key in heeded if config[key]}
    attention = _ATTENTION if "attention_bias" in found else ()
    return attention + (_FEED_FORWARD if "mlp_bias" in found else ())


def windows(config: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Per layer, how many positions a token sees, itself included; None for all.

    Args:
        config: with its family's defaults filled in.
    """
    layers: int = config["num_hidden_layers"]
    window: int | None = config.get("sliding_window")
    if config["model_type"] == "llama" or window is None:
        return (None,) * layers
    if config["model_type"] == "mistral" and config.get("layer_types") is None:
        return (window,) * layers
    if config["model_type"] != "mistral" and not config["use_sliding_window"]:
        return (None,) * layers
    kinds = config.get("layer_types") or [
        "sliding_attention" if layer >= config["max_window_layers"] else "full_attention"
        for layer in range(layers)
    ]
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


def rope(config: Mapping[str, Any]) -> dict[str, Any]:
    """The rotary embedding's parameters, in the spelling of transformers 5 whatever the file's.

    `rope_type` and `rope_theta` are always there, the rest as the kind of scaling needs it.
    """
    given = dict(config.get("rope_scaling") or config.get("rope_parameters") or {})
    given["rope_type"] = given.get("rope_type", given.pop("type", "default"))
    given.pop("type", None)
    given.setdefault("rope_theta", config.get("rope_theta", 10_000.0))
    if (factor := config.get("partial_rotary_factor")) is not None:
        given.setdefault("partial_rotary_factor", factor)
    if given["rope_type"] in ("llama3", "yarn", "longrope"):
        length = config.get("original_max_position_embeddings")
        given.setdefault("original_max_position_embeddings", config["max_position_embeddings"])
        given |= {} if length is None else {"original_max_position_embeddings": length}
    return given
