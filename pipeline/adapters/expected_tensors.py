"""Which tensors an adapter's file has to hold, by its configuration and the model's shape."""

from collections.abc import Mapping
from typing import Any

from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.adapters.variants import BIAS, TABLES
from pipeline.errors import UsageError, shown
from pipeline.models.config import ModelConfig
from pipeline.models.stored_shapes import Shapes
from pipeline.models.stored_shapes import expected as whole_tensors

EMBEDDING, HEAD = TABLES["embed_tokens"], TABLES["lm_head"]
DELTA = "token_adapter.trainable_tokens_delta"


def expected_tensors(lora: LoraFile, model: ModelConfig) -> Shapes:
    """Shapes by name as PEFT's `save_pretrained` writes them.

    Raises:
        UsageError: no module is adapted, or one in two ways at once.
    """
    if lora.config.get("target_modules") is None and not model.family.targets:
        raise UsageError(
            f"{lora.folder}: names no target_modules, which PEFT asks for in a "
            f"{model.family.name} model; name some of its projections"
        )
    updates = _updates(lora, model)
    if not updates:
        raise UsageError(
            f"{lora.folder}: target_modules {lora.shown('target_modules')} match nothing in this "
            f"{model.family.name} model that an adapter can change; name some of its projections"
        )
    saved = saved_modules(lora.config, model)
    for module in saved:
        inside = [name for name in updates if name.startswith(f"{PREFIX}{module}.")]
        if inside or any(other.startswith(f"{module}.") for other in saved):
            raise UsageError(
                f"{lora.folder}: modules_to_save {lora.shown('modules_to_save')} mean {module}, a "
                "part of which it changes in another way; name each module once"
            )
    whole = {
        f"{PREFIX}{name}": shape
        for name, shape in whole_tensors(model).items()
        if any(name.startswith(f"{module}.") for module in saved)
    }
    return updates | whole | _biases(lora, model) | _tokens(lora, model, saved)


def saved_modules(config: Mapping[str, Any], model: ModelConfig) -> tuple[str, ...]:
    """Paths of the modules that `modules_to_save` mean: those whose names end so."""
    ends = tuple(config.get("modules_to_save") or ())
    names = model.every_module()
    return tuple(name for name in names if name.endswith(ends)) if ends else ()


def _biases(lora: LoraFile, model: ModelConfig) -> Shapes:
    """The base's own that were trained; where the file has none PEFT leaves those of the base."""
    kind = lora.config.get(BIAS, "none")
    found = {
        f"{PREFIX}{name}": shape
        for name, shape in whole_tensors(model).items()
        if name.endswith(".bias") and (kind == "all" or lora.targets(name.removesuffix(".bias")))
    }
    return found if kind != "none" and any(name in lora.shapes for name in found) else {}


def _updates(lora: LoraFile, model: ModelConfig) -> Shapes:
    tensors: Shapes = {}
    linear = {
        **model.modules(),
        **model.expert_modules(),
        HEAD: (model.vocabulary, model.hidden),
    }
    for module, (out, in_) in linear.items():
        if lora.targets(module):
            rank, name = lora.rank(module), f"{PREFIX}{module}"
            tensors[f"{name}.lora_A.weight"] = (rank, in_)
            tensors[f"{name}.lora_B.weight"] = (out, rank)
            if lora.config.get("lora_bias"):
                tensors[f"{name}.lora_B.bias"] = (out,)
            if lora.config.get("use_dora"):
                tensors[f"{name}.lora_magnitude_vector"] = (out,)
    return tensors | _of_experts(lora, model) | _of_embedding(lora, model)


def _of_experts(lora: LoraFile, model: ModelConfig) -> Shapes:
    """Of all experts of a layer at once, as PEFT has them in a linear layer's shape."""
    tensors: Shapes = {}
    for path, (out, in_) in model.expert_stacks().items():
        if model.experts and lora.targets(path):
            ranks = lora.rank(path) * model.experts.count
            a, b = lora.update_names(path)
            tensors |= {a: (ranks, in_), b: (out, ranks)}
    return tensors


def _of_embedding(lora: LoraFile, model: ModelConfig) -> Shapes:
    """Of A a column belongs to each token."""
    if not lora.targets(EMBEDDING):
        return {}
    for key in ("use_dora", "lora_bias"):
        if lora.config.get(key):
            raise UsageError(
                f"{lora.folder}: target_modules {lora.shown('target_modules')} mean {EMBEDDING} "
                f"beside {key}, which no engine here serves; merge it into its base "
                "(merge_and_unload) and serve that: model=folder"
            )
    rank, name = lora.rank(EMBEDDING), f"{PREFIX}{EMBEDDING}"
    return {
        f"{name}.lora_embedding_A": (rank, model.vocabulary),
        f"{name}.lora_embedding_B": (model.hidden, rank),
    }


def _tokens(lora: LoraFile, model: ModelConfig, saved: tuple[str, ...]) -> Shapes:
    given = lora.config.get("trainable_token_indices")
    if not given:
        return {}
    by_module = given if isinstance(given, dict) else {EMBEDDING: given}
    names = model.every_module()
    for end, ids in by_module.items():
        if [name for name in names if name.endswith(end)] != [EMBEDDING] or len(by_module) > 1:
            raise UsageError(
                f"{lora.folder}: trainable_token_indices name {shown(end)}: only tokens of the "
                f"embedding are served, as a list or for {EMBEDDING!r}"
            )
        if not all(0 <= id_ < model.vocabulary for id_ in ids) or len({*ids}) < len(ids):
            raise UsageError(
                f"{lora.folder}: trainable_token_indices aren't different token ids of this "
                f"model, below {model.vocabulary}; it was made for another"
            )
    if EMBEDDING in saved or lora.targets(EMBEDDING):
        other = "modules_to_save" if EMBEDDING in saved else "target_modules"
        raise UsageError(
            f"{lora.folder}: trainable_token_indices and {other} both mean {EMBEDDING}; "
            "PEFT takes one of them"
        )
    count = sum(map(len, by_module.values()))
    return {f"{PREFIX}{EMBEDDING}.{DELTA}": (count, model.hidden)}
