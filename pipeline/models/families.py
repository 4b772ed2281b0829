"""The families served here. The next one is an entry more; docs/families.md shows how."""

from pipeline.models.family import ATTENTION, FEED_FORWARD, NULL, QKV, Family, Norms, Types

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
