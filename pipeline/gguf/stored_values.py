"""What architectures beyond Llama's say in a GGUF file, as a `config.json` says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError
from pipeline.gguf.said import Said

_WINDOW = "attention.sliding_window"
CLIP = "attention.clamp_kqv"


@dataclass(frozen=True)
class Beyond:
    """What there is to one architecture beside what all say.

    Attributes:
        keys: behind the architecture's name, that it may say.
        values: of a `config.json`, by what is said and the width of a head.
    """

    keys: tuple[str, ...]
    values: Callable[[Said, int], dict[str, Any]]


def _granite(said: Said, head_dim: int) -> dict[str, Any]:
    """A scale of 0 is none to llama.cpp."""
    return {
        "embedding_multiplier": said.get("embedding_scale") or 1.0,
        "attention_multiplier": said.get("attention.scale") or head_dim**-0.5,
        "residual_multiplier": said.get("residual_scale") or 1.0,
        "logits_scaling": said["logit_scale"],
    }


def _gemma(said: Said, head_dim: int, largest: int, window: int) -> dict[str, Any]:
    """Gemma's, whose largest model llama.cpp knows by its layers: it scales scores otherwise."""
    shared = said.count("embedding_length") // said.count("attention.head_count")
    return {
        "query_pre_attn_scalar": shared if said["block_count"] == largest else head_dim,
        "sliding_window": window,
        "hidden_activation": "gelu_pytorch_tanh",
    }


def _gemma2(said: Said, head_dim: int) -> dict[str, Any]:
    return _gemma(said, head_dim, 46, said.count(_WINDOW, 4096)) | {
        "attn_logit_softcapping": said.get("attn_logit_softcapping", 50.0),
        "final_logit_softcapping": said.get("final_logit_softcapping", 30.0),
    }


def _gemma3(said: Said, head_dim: int) -> dict[str, Any]:
    return _gemma(said, head_dim, 62, said.count(_WINDOW)) | {"sliding_window_pattern": 6}


def _phi3(said: Said, head_dim: int) -> dict[str, Any]:
    return {
        "sliding_window": said.get(_WINDOW) or None,
        "original_max_position_embeddings": said.get(
            "rope.scaling.original_context_length", said["context_length"]
        ),
    }


def _olmo(said: Said, head_dim: int) -> dict[str, Any]:
    """A clip of 0 is none to llama.cpp."""
    if said["attention.layer_norm_epsilon"] != 1e-5:
        raise UsageError(
            f"{said.file.path}: {said.architecture}.attention.layer_norm_epsilon is "
            f"{said['attention.layer_norm_epsilon']!r:.80}; OLMo's is 1e-05, whatever is stored"
        )
    return {"clip_qkv": said.number(CLIP, 0.0) or None}


def _nothing(said: Said, head_dim: int) -> dict[str, Any]:
    return {}


PLAIN = Beyond((), _nothing)
BEYOND: Mapping[str, Beyond] = {
    "granite": Beyond(
        ("embedding_scale", "attention.scale", "residual_scale", "logit_scale"), _granite
    ),
    "gemma2": Beyond((_WINDOW, "attn_logit_softcapping", "final_logit_softcapping"), _gemma2),
    "gemma3": Beyond((_WINDOW, "rope.freq_base_swa"), _gemma3),
    "olmo": Beyond(("attention.layer_norm_epsilon", CLIP), _olmo),
    "phi3": Beyond((_WINDOW, "rope.scaling.attn_factor"), _phi3),
}
"""By llama.cpp's name of the architecture; all others are as plain as Llama's."""
