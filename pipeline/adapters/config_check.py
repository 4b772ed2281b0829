"""Whether the values of an `adapter_config.json` can be a LoRA's: as PEFT insists on them."""

from collections.abc import Callable, Mapping
from typing import Any

from pipeline.errors import UsageError, shown
from pipeline.models.files import is_number

_TASKS = (
    *("SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION"),
    None,
)
_BIASES = ("none", "all", "lora_only")


def check_config(config: Mapping[str, Any], where: str) -> None:
    """Refuse what PEFT would fail at, or what would scale an update by something else.

    Args:
        config: the whole file.
        where: its path, for the error.

    Raises:
        UsageError: naming file, key, value and what it must be.
    """
    for key, (fits, wanted) in _RULES.items():
        if key in config and not fits(config[key]):
            raise UsageError(f"{where}: {key} is {shown(config[key])}, not {wanted}; correct it")
    layered = [
        key for key in ("layers_to_transform", "layers_pattern") if config.get(key) is not None
    ]
    if layered and isinstance(config.get("target_modules"), str):
        raise UsageError(
            f"{where}: {layered[0]} can't be combined with target_modules as one text in PEFT; "
            "list the modules"
        )
    if layered == ["layers_pattern"] and config["layers_pattern"]:
        raise UsageError(f"{where}: layers_pattern needs layers_to_transform in PEFT; take it out")
    if config.get("lora_bias"):
        _check_bias(config, where)
    if config.get("target_parameters"):
        for key in ("lora_dropout", "fan_in_fan_out", "lora_bias", "use_dora"):
            if config.get(key):
                raise UsageError(
                    f"{where}: target_parameters can't be combined with {key} in PEFT; correct it"
                )


def _check_bias(config: Mapping[str, Any], where: str) -> None:
    if config.get("use_dora"):
        raise UsageError(f"{where}: lora_bias can't be combined with use_dora in PEFT; correct it")
    began = config.get("init_lora_weights", True)
    if began not in (True, False):
        raise UsageError(
            f"{where}: lora_bias can't be combined with init_lora_weights={shown(began)} in PEFT; "
            "set that to true"
        )


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


def _by_pattern(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """An object whose keys are patterns of modules."""
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _are_texts(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def _are_modules(value: Any) -> bool:
    return isinstance(value, str) or _are_texts(value)


def _are_indices(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) is int for each in value)


def _are_layers(value: Any) -> bool:
    return value is None or type(value) is int or _are_indices(value)


def _are_tokens(value: Any) -> bool:
    listed = [*value.values()] if isinstance(value, dict) else [value]
    return value is None or all(_are_indices(each) and each for each in listed)


def _is_flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return value is None or isinstance(value, dict)


_MODULES = (_are_modules, "a list of names or a regular expression")
_FLAG = (_is_flag, "true or false")
_OBJECT = (_is_object, "null or an object")
_FLAGS = ("use_rslora", "use_dora", "lora_bias", "fan_in_fan_out", "ensure_weight_tying")
_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "r": (_is_count, "a whole number above 0"),
    "rank_pattern": (_by_pattern(_is_count), "whole numbers above 0 by module"),
    "lora_alpha": (is_number, "a finite number"),
    "alpha_pattern": (_by_pattern(is_number), "finite numbers by module"),
    "lora_dropout": (_is_share, "a number from 0 to 1"),
    **dict.fromkeys(("target_modules", "exclude_modules", "layers_pattern"), _MODULES),
    **dict.fromkeys(
        ("modules_to_save", "target_parameters"), (_are_texts, "null or a list of names")
    ),
    "trainable_token_indices": (_are_tokens, "a list of token ids, or such lists by module"),
    "layers_to_transform": (_are_layers, "whole numbers"),
    **dict.fromkeys(_FLAGS, _FLAG),
    **dict.fromkeys(("eva_config", "corda_config", "lora_ga_config", "velora_config"), _OBJECT),
    "bias": (lambda value: value in _BIASES, f"one of {', '.join(_BIASES)}"),
    "task_type": (lambda value: value in _TASKS, "a task that PEFT knows"),
    "megatron_config": (lambda value: value is None, "null: Megatron's layers aren't served"),
}
"""By key, what its value must be, and how to say so."""
