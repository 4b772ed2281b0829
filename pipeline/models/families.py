"""The families served here. The next one is an entry more; docs/families.md shows how."""

from dataclasses import replace

from pipeline.models.family import (
    ATTENTION,
    EXPERTS,
    EXPERTS_TOO,
    EXPERTS_USED,
    FEED_FORWARD,
    FUSED,
    NULL,
    QKV,
    ExpertKeys,
    Family,
    Norms,
    Types,
)

_WINDOW: Types = {"sliding_window": (int, NULL), "attention_dropout": (int, float)}
_QWEN = {
    "max_position_embeddings": 32768,
    "num_key_value_heads": 32,
    "sliding_window": 4096,
    "use_sliding_window": False,
    "max_window_layers": 28,
}
_QWEN_TYPES: Types = {**_WINDOW, "use_sliding_window": (bool,), "max_window_layers": (int,)}
_PEFT = ("q_proj", "v_proj")
_EXPERT_TYPES: Types = {
    EXPERTS_USED: (int,),
    **{"output_router_logits": (bool,), "router_aux_loss_coef": (float,)},
    "attention_dropout": (int, float),
}
_MULTIPLIERS = {
    "embedding": "embedding_multiplier",
    "attention": "attention_multiplier",
    "residual": "residual_multiplier",
    "logits": "logits_scaling",
}
_GEMMA = {
    **{"num_key_value_heads": 4, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh"},
    **{"tie_word_embeddings": True, "pad_token_id": 0, "attention_bias": False},
    **{"query_pre_attn_scalar": 256, "sliding_window": 4096},
}
_GEMMA_TYPES: Types = {
    **dict.fromkeys(("num_key_value_heads", "head_dim", "query_pre_attn_scalar"), (int,)),
    **{"hidden_activation": (str,), "attention_bias": (bool,), "sliding_window": (int, NULL)},
    **dict.fromkeys(("final_logit_softcapping", "attn_logit_softcapping"), (float, NULL)),
    "use_bidirectional_attention": (bool, NULL),
}
_GEMMA_NORMS = Norms(
    after_attention="post_attention_layernorm",
    before_feed_forward="pre_feedforward_layernorm",
    after_feed_forward="post_feedforward_layernorm",
    shift=1.0,
)
_GEMMA_POWERS = {"attention": ("query_pre_attn_scalar", -0.5), "embedding": ("hidden_size", 0.5)}

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
        targets=_PEFT,
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
        windows="typed",
        targets=_PEFT,
    ),
    Family(
        "qwen2",
        gguf="qwen2",
        defaults=_QWEN,
        types=_QWEN_TYPES,
        biased=QKV,
        windows="asked",
        targets=_PEFT,
    ),
    Family(
        "qwen3",
        gguf="qwen3",
        defaults=_QWEN | {"head_dim": 128, "attention_bias": False},
        types={**_QWEN_TYPES, "attention_bias": (bool,), "head_dim": (int,)},
        biases={"attention_bias": ATTENTION},
        norms=Norms(query_heads="q_norm", key_heads="k_norm"),
        windows="asked",
        targets=_PEFT,
    ),
    Family(
        "smollm3",
        gguf="smollm3",
        defaults={
            **{"max_position_embeddings": 32768, "num_key_value_heads": 4, "pad_token_id": 128004},
            **{"tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False},
            **{"use_sliding_window": False, "no_rope_layer_interval": 4, "rope_theta": 2_000_000.0},
        },
        types={
            **dict.fromkeys(("attention_bias", "mlp_bias", "use_sliding_window"), (bool,)),
            **{"sliding_window": (int, NULL), "attention_dropout": (int, float)},
            **{"no_rope_layers": (list, NULL), "no_rope_layer_interval": (int,)},
        },
        biases={"attention_bias": ATTENTION, "mlp_bias": FEED_FORWARD},
        windows="unturned",
        nope=True,
    ),
    Family(
        "granite",
        gguf="granite",
        defaults={
            **{"max_position_embeddings": 2048, "attention_bias": False, "mlp_bias": False},
            **dict.fromkeys(_MULTIPLIERS.values(), 1.0),
        },
        types={
            **dict.fromkeys(_MULTIPLIERS.values(), (float, int)),
            **dict.fromkeys(("attention_bias", "mlp_bias"), (bool,)),
            "attention_dropout": (int, float),
        },
        biases={"attention_bias": ATTENTION, "mlp_bias": FEED_FORWARD},
        scales=_MULTIPLIERS,
    ),
    Family(
        "phi3",
        gguf="phi3",
        defaults={
            **{"max_position_embeddings": 4096, "original_max_position_embeddings": 4096},
            **{"rms_norm_eps": 1e-5, "pad_token_id": 32000, "partial_rotary_factor": 1.0},
        },
        types={
            **{"sliding_window": (int, NULL), "original_max_position_embeddings": (int,)},
            **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attention_dropout"), (int, float)),
        },
        windows="all",
        sites=FUSED,
        weightless=("mlp.activation_fn", "resid_attn_dropout", "resid_mlp_dropout"),
        partial=True,
        ropes={each: "longrope" for each in ("longrope", "su", "yarn")} | {"default": "default"},
    ),
    Family(
        "gemma2",
        gguf="gemma2",
        defaults=_GEMMA
        | {
            **{"max_position_embeddings": 8192, "attn_logit_softcapping": 50.0},
            "final_logit_softcapping": 30.0,
        },
        types=_GEMMA_TYPES,
        biases={"attention_bias": ATTENTION},
        norms=_GEMMA_NORMS,
        windows="alternate",
        scales={"attention_cap": "attn_logit_softcapping", "logits_cap": "final_logit_softcapping"},
        powers=_GEMMA_POWERS,
        keys={"hidden_act": "hidden_activation"},
        targets=_PEFT,
        strict=True,
    ),
    Family(
        "gemma3_text",
        gguf="gemma3",
        defaults=_GEMMA
        | {
            **{"max_position_embeddings": 131072, "sliding_window_pattern": 6},
            **{"final_logit_softcapping": None, "rope_theta": 1_000_000.0},
        },
        types=_GEMMA_TYPES,
        biases={"attention_bias": ATTENTION},
        norms=replace(_GEMMA_NORMS, query_heads="q_norm", key_heads="k_norm"),
        windows="pattern",
        scales={"logits_cap": "final_logit_softcapping"},
        powers=_GEMMA_POWERS,
        keys={"hidden_act": "hidden_activation"},
        own_rope=True,
        targets=_PEFT,
        strict=True,
    ),
    Family(
        "olmo",
        gguf="olmo",
        defaults={
            **{"max_position_embeddings": 2048, "attention_bias": False, "clip_qkv": None},
            **{"pad_token_id": 1, "eos_token_id": 50279},
        },
        types={
            **{"attention_bias": (bool,), "attention_dropout": (int, float)},
            "clip_qkv": (float, NULL),
        },
        biases={"attention_bias": ATTENTION},
        norms=Norms(weighted=False, centred=True),
        scales={"clip_qkv": "clip_qkv"},
        fixed={"rms_norm_eps": 1e-5},
    ),
    Family(
        "olmo2",
        gguf="olmo2",
        defaults={
            **{"max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "attention_bias": False},
            "pad_token_id": 1,
        },
        types={"attention_bias": (bool,), "attention_dropout": (int, float)},
        biases={"attention_bias": ATTENTION},
        norms=Norms(
            before_attention=None,
            after_attention="post_attention_layernorm",
            before_feed_forward=None,
            after_feed_forward="post_feedforward_layernorm",
            query_heads="q_norm",
            key_heads="k_norm",
            all_heads=True,
        ),
    ),
    Family(
        "mixtral",
        gguf="llama",
        defaults={
            **{"max_position_embeddings": 131072, "num_key_value_heads": 8, "rms_norm_eps": 1e-5},
            **{"rope_theta": 1_000_000.0, EXPERTS_USED: 2, EXPERTS: 8},
        },
        types={
            **_EXPERT_TYPES,
            **{"num_key_value_heads": (int,), EXPERTS_TOO: (int,), "router_jitter_noise": (float,)},
            **dict.fromkeys(("sliding_window", "head_dim"), (int, NULL)),
        },
        windows="all",
        experts=ExpertKeys(
            block="block_sparse_moe",
            projections=("w1", "w3", "w2"),
            normalised=None,
        ),
        targets=_PEFT,
    ),
    Family(
        "qwen3_moe",
        gguf="qwen3moe",
        defaults={
            **{"max_position_embeddings": 32768, "num_key_value_heads": 4, "attention_bias": False},
            **{"sliding_window": 4096, "use_sliding_window": False, EXPERTS: 128},
            **{EXPERTS_USED: 8, "moe_intermediate_size": 768, "norm_topk_prob": False},
            **{"intermediate_size": 6144, "decoder_sparse_step": 1, "mlp_only_layers": None},
        },
        types={
            **_WINDOW,
            **_EXPERT_TYPES,
            **dict.fromkeys(("num_key_value_heads", "moe_intermediate_size"), (int,)),
            **dict.fromkeys(("attention_bias", "use_sliding_window", "norm_topk_prob"), (bool,)),
            **{"decoder_sparse_step": (int,), "mlp_only_layers": (list, NULL)},
        },
        biases={"attention_bias": ATTENTION},
        norms=Norms(query_heads="q_norm", key_heads="k_norm"),
        windows="wanted",
        experts=ExpertKeys(width="moe_intermediate_size", dense=True),
    ),
    Family(
        "qwen2_moe",
        gguf="qwen2moe",
        defaults={
            **{"max_position_embeddings": 32768, "num_key_value_heads": 16, "qkv_bias": True},
            **{"sliding_window": 4096, "use_sliding_window": False, "max_window_layers": 28},
            **{EXPERTS: 60, EXPERTS_USED: 4, "moe_intermediate_size": 1408},
            **{"shared_expert_intermediate_size": 5632, "norm_topk_prob": False},
            **{"intermediate_size": 5632, "decoder_sparse_step": 1, "mlp_only_layers": None},
        },
        types={
            **_WINDOW,
            **_EXPERT_TYPES,
            **dict.fromkeys(("moe_intermediate_size", "max_window_layers"), (int,)),
            **dict.fromkeys(("qkv_bias", "use_sliding_window", "norm_topk_prob"), (bool,)),
            **{"decoder_sparse_step": (int,), "mlp_only_layers": (list, NULL)},
            "shared_expert_intermediate_size": (int,),
        },
        biases={"qkv_bias": QKV},
        windows="early",
        experts=ExpertKeys(
            width="moe_intermediate_size", shared="shared_expert_intermediate_size", dense=True
        ),
    ),
    Family(
        "olmoe",
        gguf="olmoe",
        defaults={
            **{"max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "attention_bias": False},
            **{"pad_token_id": 1, EXPERTS: 64, EXPERTS_USED: 8, "norm_topk_prob": False},
            "clip_qkv": None,
        },
        types={
            **_EXPERT_TYPES,
            **dict.fromkeys(("attention_bias", "norm_topk_prob"), (bool,)),
            "clip_qkv": (float, NULL),
        },
        biases={"attention_bias": ATTENTION},
        norms=Norms(query_heads="q_norm", key_heads="k_norm", all_heads=True),
        scales={"clip_qkv": "clip_qkv"},
        experts=ExpertKeys(),
    ),
)
FAMILIES: dict[str, Family] = {each.name: each for each in _ENTRIES}
"""By transformers' `model_type`."""
