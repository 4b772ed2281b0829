"""LoRA variants: what PEFT's configuration may ask for beyond B·A on linear layers."""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.errors import shown

TABLES = {"lm_head": "lm_head", "embed_tokens": "model.embed_tokens"}
"""Modules besides a layer's projections that may be adapted, by what an engine calls them."""
EXPERTS = "target_parameters"
"""A key by which PEFT adapts what is no linear layer: routers, and all experts of a layer."""
VARIANTS = (
    *("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias", *TABLES),
    EXPERTS,
)
"""What an engine may serve, if it says so: keys of a configuration, and modules."""
BIAS = "bias"
"""A key too: the base's own biases were trained, which PEFT changes for everybody, so that only an
engine which adds them row by row serves the adapter beside others."""
SHARED = "shared_expert"
"""Stands among them for an adapter of the expert that every token uses: linear layers, which meet
the tokens of a batch without its rows, so that PEFT couldn't tell whose they are."""
RESIZED = "resized_vocabulary"
"""Stands among them for an adapter that was trained with tokens added, so that its tables have rows
which the base's lack, and texts other ids."""
FILELESS = "named alone, without files"
"""Stands among them for an adapter that only a server has."""

_CONVERT = (
    "PEFT changes the base's weights for it, and so for everybody; save it as a plain difference: "
    "save_pretrained(…, path_initial_model_for_weight_conversion=…)"
)
MERGE = "; merge it into its base (merge_and_unload) and serve that: model=folder"
ADDED = (
    "it was trained with tokens added, for which both tables have to be saved whole and of one "
    "size (modules_to_save: embed_tokens, lm_head); or give the base as many "
    "(resize_token_embeddings), merge the adapter into it (merge_and_unload) and serve that with "
    "the adapter's own tokenizer: model=folder"
)
_CHANGED_BASE = {
    **dict.fromkeys(("pissa", "corda", "olora", "lora_ga"), _CONVERT),
    "loftq": f"it belongs to a base that LoftQ has quantised{MERGE}",
}
"""By how `init_lora_weights` begins: why such an adapter fits no other base than its own."""
_HARMLESS = (True, False, None, "gaussian", "eva", "orthogonal", "mica")
"""Ways to begin that leave the base alone; nothing is left of them once training has ended."""
_UNSERVED = {
    "kasa_config": f"it cuts off singular values of the base's weights{MERGE}",
    "layer_replication": f"it changes the number of the base's layers{MERGE}",
    "alora_invocation_tokens": "it takes effect from some tokens on, which no engine here does",
    "arrow_config": "it picks from other adapters for every token, which no engine here does",
    "monteclora_config": "it is sampled anew for every token, which no engine here does",
    "use_bdlora": "block-diagonal matrices are served by no engine here",
    "use_qalora": "its inputs are pooled, which no engine here does",
}
_NOTHING: Mapping[str, tuple[Any, ...]] = dict.fromkeys(("layer_replication",), ([],))
"""Values by which nothing is asked for."""


def variants(config: Mapping[str, Any], tensors: Collection[str]) -> list[str]:
    """Those that an engine must know to serve the adapter.

    Args:
        config: `adapter_config.json`.
        tensors: names in the file of weights.
    """
    adapted = {name.rpartition(".lora_")[0] for name in tensors}
    found = {name for name, module in TABLES.items() if any(a.endswith(module) for a in adapted)}
    asked = [name for name in VARIANTS if config.get(name) or name in found]
    shared = any(f".{SHARED}" in each for each in adapted)
    return asked + [SHARED] * shared + [BIAS] * _trains_biases(config, tensors)


def engine_for(found: Collection[str]) -> str:
    """An engine that serves these variants, which `obstacle` has found no fault with."""
    if FILELESS in found:
        return "openai"
    return "multilora" if BIAS in found else "peft_hotswap"


def _trains_biases(config: Mapping[str, Any], tensors: Collection[str]) -> bool:
    own = (each for each in tensors if each.endswith(".bias") and ".lora_B." not in each)
    return config.get(BIAS, "none") != "none" and any(own)


def obstacle(config: Mapping[str, Any], tensors: Collection[str]) -> str | None:
    """Why no engine can serve the adapter beside others, in one line; None where one can.

    How training began matters: PiSSA (Meng et al. 2024), OLoRA, CorDA and LoRA-GA move a part of
    the base's weights into the adapter, so that it adds that part once more to the original base.

    Args:
        config: `adapter_config.json`.
        tensors: names in the file of weights.
    """
    began = config.get("init_lora_weights", True)
    for name, why in _CHANGED_BASE.items():
        if str(began).lower().startswith(name):
            return f"init_lora_weights={shown(began)}: {why}"
    if began not in _HARMLESS:
        how = f"init_lora_weights={shown(began)}"
        return f"{how} isn't known; its base may be another than the model's"
    for name, why in _UNSERVED.items():
        value = config.get(name)
        if not (value is None or value is False or value in _NOTHING.get(name, ())):
            return f"{name}: {why}"
    asked = {*variants(config, tensors)}
    if config.get("ensure_weight_tying") and asked & {"modules_to_save", *TABLES}:
        return f"ensure_weight_tying: it ties what it saves to the base's other table{MERGE}"
    whole = asked & {"modules_to_save", "trainable_token_indices"}
    if whole and _trains_biases(config, tensors):
        return f"bias={config[BIAS]!r} beside {min(whole)}, which no engine here serves{MERGE}"
    return None


def has_added_tokens(name: str, stored: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a tensor is the base's embedding or output layer, but for more rows."""
    is_table = name.endswith(tuple(f"{each}.weight" for each in TABLES.values()))
    return is_table and stored[1:] == wanted[1:] and stored[:1] > wanted[:1]
