"""Whether an adapter's file holds what its configuration asks for, and nothing else."""

from pipeline.adapters.expected_tensors import expected_tensors, saved_modules
from pipeline.adapters.lora_file import CONFIG, PREFIX, LoraFile
from pipeline.adapters.module_patterns import is_parameter_target, is_target
from pipeline.adapters.variants import ADDED, MERGE, TABLES, has_added_tokens
from pipeline.errors import UsageError
from pipeline.models.config import ModelConfig
from pipeline.models.stored_shapes import expected as whole_tensors

_PARTS = ("A.weight", "B.weight", "embedding_A", "embedding_B")
_VARIANTS = {"B.bias": "lora_bias", "magnitude_vector": "use_dora"}
"""By what follows `lora_` in a tensor's name: what asks for it in the configuration."""


def check_tensors(lora: LoraFile, model: ModelConfig) -> None:
    """Hold every tensor of the file against configuration and model.

    PEFT begins anew, with random numbers, what is missing, passes over what it doesn't know, and
    puts whole weights into the base, for everybody; all of that would be another adapter.

    Raises:
        UsageError: a tensor is missing, unexpected or of another shape.
    """
    _check_experts(lora, model)
    expected = expected_tensors(lora, model)
    names = {name.removeprefix(PREFIX) for name in lora.shapes if name.startswith(PREFIX)}
    if not any(name.startswith(("model.", "lm_head.")) for name in names):
        raise UsageError(
            f"{lora.folder}: its tensors are called like {next(iter(lora.shapes), 'nothing')}, "
            f"PEFT's for this {model.family.name} model like {next(iter(expected))}; convert it, "
            "or save it from such a model with PEFT's save_pretrained"
        )
    strange = sorted({*lora.shapes} - {*expected}, key=lambda name: (".lora_" not in name, name))
    for name in strange:
        raise UsageError(f"{lora.folder}: {_stranger(name, model)}")
    _nothing_begun_anew(lora, model)
    if missing := sorted({*expected} - {*lora.shapes}):
        raise UsageError(
            f"{lora.folder}: no tensor {missing[0]} ({len(missing)} are missing), which its "
            f"configuration asks for; it is cut short, made for another model, or {CONFIG} isn't "
            "its own"
        )
    for name, shape in expected.items():
        if lora.shapes[name] != shape:
            raise UsageError(f"{lora.folder}: {_misfit(name, lora.shapes[name], shape)}")


def _check_experts(lora: LoraFile, model: ModelConfig) -> None:
    """Which parameters of a model may be adapted, and that nothing of experts is saved whole."""
    saved = saved_modules(lora.config, model)
    if found := next((each for each in model.routed_modules() if each in saved), None):
        raise UsageError(
            f"{lora.folder}: modules_to_save {lora.shown('modules_to_save')} mean {found} too: "
            f"experts and routers saved whole are served by no engine here{MERGE}"
        )
    for module in model.expert_modules():
        if module.endswith(".gate") and lora.targets(module) and not lora.targets_parameter(module):
            raise UsageError(
                f"{lora.folder}: target_modules {lora.shown('target_modules')} mean {module}, no "
                "linear layer in transformers 5; name its weight in target_parameters"
            )
    if lora.config.get("target_parameters") and (name := _expert_meant(lora, model)):
        raise UsageError(
            f"{lora.folder}: target_modules {lora.shown('target_modules')} mean {name}, whose "
            "parameters PEFT then adapts beside those of target_parameters; name them there alone"
        )
    served = {f"{each}.weight" for each in model.modules()} | {*model.expert_tensors()}
    for name in whole_tensors(model):
        if name not in served and is_parameter_target(lora.config, name):
            raise UsageError(
                f"{lora.folder}: target_parameters {lora.shown('target_parameters')} mean {name}; "
                f"only projections, routers and experts are served, by any engine{MERGE}"
            )


def _expert_meant(lora: LoraFile, model: ModelConfig) -> str | None:
    """An expert that is named as a module; beside a shared one such names mean its projections."""
    if model.experts is None or model.experts.shared:
        return None
    modules = (each.removesuffix(".weight") for each in model.expert_tensors())
    inside = (each for each in modules if ".experts." in each)
    return next(
        (each for each in inside if lora.targets_all_linear or is_target(lora.config, each)), None
    )


def _stranger(name: str, model: ModelConfig) -> str:
    inside = name.removeprefix(PREFIX)
    if inside == name:
        return f"tensor {name} isn't named as PEFT names them, {PREFIX}…; it would be left out"
    module, _, part = inside.partition(".lora_")
    adapted = {*model.modules(), *model.expert_modules(), *TABLES.values()}
    if part in _VARIANTS and module in adapted:
        return f"tensor {name} needs {_VARIANTS[part]}, which {CONFIG} doesn't set; correct it"
    if part in _PARTS and module in adapted:
        return (
            f"holds an update of {module}, which target_modules don't mean (or exclude_modules or "
            f"layers_to_transform rule out); correct {CONFIG}"
        )
    if part and module in model.other_modules():
        return f"it adapts {module}; only projections and tables are served, by any engine{MERGE}"
    whole = inside.replace(".base_layer.", ".")
    if whole in whole_tensors(model):
        return (
            f"saves the base's {whole} along, which isn't in modules_to_save: PEFT would put it "
            "into the base, for everybody; save the adapter without it "
            "(save_embedding_layers=False), or name it in modules_to_save"
        )
    return f"tensor {name} is nothing that PEFT saves for this {model.family.name} model"


def _nothing_begun_anew(lora: LoraFile, model: ModelConfig) -> None:
    adapted = {*model.expert_modules(), *TABLES.values()}
    for module in model.other_modules():
        if module not in adapted and lora.targets(module):
            raise UsageError(
                f"{lora.folder}: target_modules {lora.shown('target_modules')} mean {module} too, "
                "of which the file has no update; let them mean less"
            )


def _misfit(name: str, stored: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    a = name.endswith(".lora_A.weight")
    ranked = a or name.endswith(".lora_B.weight")
    if ranked and len(stored) == 2 and stored[a] == wanted[a]:
        return (
            f"{name} is of rank {stored[not a]}, {CONFIG} says {wanted[not a]} (r, rank_pattern); "
            "correct it"
        )
    if ".lora_" not in name:
        why = f": {ADDED}" if has_added_tokens(name, stored, wanted) else ""
        return f"saves {name} as {list(stored)}, this model's is {list(wanted)}{why}"
    return (
        f"made for another architecture: {name} is {list(stored)}, this model needs {list(wanted)}"
    )
