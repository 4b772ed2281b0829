"""Adapters whose experts are modules one by one, as they are in checkpoints.

transformers 5 keeps all experts of a layer in one parameter, gate and up together, and the router
as a parameter, too; PEFT adapts these by `target_parameters`. What it saved before becomes that: A
of all experts above one another, B of gate and up on a diagonal. PEFT does the same, but for the
projections of a shared expert, whose names it takes for the experts'.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.adapters.dialects.expert_stack import ExpertStack, ExpertUpdate, Made, kept
from pipeline.adapters.lora_file import PREFIX, LoraFile
from pipeline.adapters.module_patterns import is_target, patterns_of
from pipeline.adapters.pattern_trial import try_patterns
from pipeline.adapters.variants import MERGE, TABLES
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.family import ATTENTION
from pipeline.models.safetensors_header import StoredTensor


def has_single_experts(lora: LoraFile, model: ModelConfig) -> bool:
    """Whether the configuration means modules that transformers 5 hasn't as such."""
    if model.experts is None or lora.config.get("target_parameters"):
        return False
    names = (*model.every_module(), *model.routed_modules())
    try_patterns(tuple(patterns_of(lora.config)), names, str(lora.folder))
    once = _once(model)
    if model.experts.shared and not any(".experts." in name for name in lora.shapes):
        # The shared expert's projections are linear layers still, of the same names as experts'.
        once = {name: size for name, size in once.items() if name.endswith(".gate")}
    return any(_means(lora, each) for each in once)


def experts_together(
    lora: LoraFile, stored: Mapping[str, StoredTensor], model: ModelConfig
) -> tuple[dict[str, Any], Made]:
    """Configuration and tensors as PEFT has them today.

    Args:
        lora: the adapter, its tensors by PEFT's names.
        stored: the same tensors where they lie.
        model: the base model's configuration.

    Raises:
        UsageError: a tensor is missing or of another shape, or there is more than plain LoRA on
            experts.
    """
    assert model.experts is not None
    if extra := next((key for key in ("use_dora", "lora_bias") if lora.config.get(key)), None):
        raise UsageError(
            f"{lora.folder}: {extra} beside adapted experts, shared experts or routers, which PEFT "
            f"has no longer{MERGE}"
        )
    found = {
        name: ExpertUpdate.of(lora, stored, name, size)
        for name, size in _once(model).items()
        if _means(lora, name)
    }
    taken = {name for each in found.values() for name in each.names}
    tensors = {name: kept(each) for name, each in stored.items() if name not in taken}
    patterns: dict[str, tuple[int, float]] = {}
    for today, name in _singles(model).items():
        if (each := found.get(name)) is not None:
            patterns[f"{today}.weight"] = each.rank, each.scaling
            tensors[f"{PREFIX}{today}.lora_A.weight"] = kept(each.a)
            tensors[f"{PREFIX}{today}.lora_B.weight"] = kept(each.b)
    stacks = _stacks(model, found)
    patterns |= {path: (each.rank, each.scaling) for path, each in stacks.items()}
    config = _as_today(lora, model, patterns)
    adapted = LoraFile(lora.folder, config, {})
    for path, stack in stacks.items():
        tensors |= stack.tensors(*adapted.update_names(path))
    return config, tensors


def _as_today(
    lora: LoraFile, model: ModelConfig, patterns: Mapping[str, tuple[int, float]]
) -> dict[str, Any]:
    """Modules by their whole names, which count in any layer; parameters with their own ranks."""
    singles = _singles(model)
    modules = (*model.modules(), *model.expert_modules(), *TABLES.values())
    kept = [each for each in modules if each not in singles and lora.targets(each)]
    rooted = lora.config.get("use_rslora")
    ranks = {path: rank for path, (rank, _) in patterns.items()}
    alphas = {path: by * (rank**0.5 if rooted else rank) for path, (rank, by) in patterns.items()}
    return {
        **lora.config,
        "target_modules": kept,
        "target_parameters": [*patterns],
        "rank_pattern": ranks | dict(lora.config.get("rank_pattern") or {}),
        "alpha_pattern": alphas | dict(lora.config.get("alpha_pattern") or {}),
        **dict.fromkeys(("exclude_modules", "layers_to_transform", "layers_pattern")),
        "lora_dropout": 0.0,
    }


def _means(lora: LoraFile, module: str) -> bool:
    return lora.targets_all_linear or is_target(lora.config, module)


def _singles(model: ModelConfig) -> dict[str, str]:
    """What was a linear layer and is adapted as a parameter, by today's path."""
    its = model.experts
    assert its is not None
    found = {each: each for each in model.modules() if each.rsplit(".", 1)[-1] not in ATTENTION}
    for layer in (at for at in range(model.layers) if its.layers[at]):
        router, *shared = its.linear(layer, model.hidden)
        found[router] = its.router(layer).removesuffix(".weight")
        found |= {each: each for each in shared[:-1]}
    return found


def _once(model: ModelConfig) -> dict[str, tuple[int, int]]:
    """(out, in) features of each of these, and of single experts, by the path that it had."""
    sizes = {**model.modules(), **model.expert_modules()}
    found = {name: sizes[today] for today, name in _singles(model).items()}
    single = {k: v for k, v in model.expert_tensors().items() if ".experts." in k}
    return found | {name.removesuffix(".weight"): size for name, size in single.items()}


def _stacks(model: ModelConfig, found: Mapping[str, ExpertUpdate]) -> dict[str, ExpertStack]:
    """Those of which some expert is adapted, by their parameters."""
    its, stacks = model.experts, {}
    assert its is not None
    gate, up, down = its.keys.projections
    for layer in (at for at in range(model.layers) if its.layers[at]):
        sizes = its.stacks(layer, model.hidden).items()
        for (path, (outputs, inputs)), names in zip(sizes, ((gate, up), (down,)), strict=True):
            experts = tuple(
                tuple(
                    found.get(its.tensor(layer, number, each).removesuffix(".weight"))
                    for each in names
                )
                for number in range(its.count)
            )
            if any(each for parts in experts for each in parts):
                stacks[path] = ExpertStack(experts, outputs, inputs)
    return stacks
