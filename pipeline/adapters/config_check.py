"""Whether the values of an `adapter_config.json` can be a LoRA's: as PEFT insists on them."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.errors import UsageError

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
            raise UsageError(f"{where}: {key} is {config[key]!r}, not {wanted}; correct it")
    layered = [key for key in ("layers_to_transform", "layers_pattern") if config.get(key)]
    if layered and isinstance(config.get("target_modules"), str):
        raise UsageError(
            f"{where}: {layered[0]} can't be combined with target_modules as one text in PEFT; "
            "list the modules"
        )
    if layered == ["layers_pattern"]:
        raise UsageError(f"{where}: layers_pattern needs layers_to_transform in PEFT; take it out")


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _is_number(value: Any) -> bool:
    kind = isinstance(value, int | float) and not isinstance(value, bool)
    return kind and math.isfinite(value)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_pattern(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _by_pattern(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """An object whose keys are patterns of modules."""

    def check(value: Any) -> bool:
        if value is None:
            return True
        whole = isinstance(value, dict) and all(map(_is_pattern, value))
        return whole and all(map(fits, value.values()))

    return check


def _are_modules(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return value is None or _is_pattern(value)


def _are_layers(value: Any) -> bool:
    listed = value if isinstance(value, list) else [value]
    return value is None or all(type(each) is int for each in listed)


def _is_flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


_MODULES = (_are_modules, "a list of names or a regular expression")
_FLAG = (_is_flag, "true or false")
_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "r": (_is_count, "a whole number above 0"),
    "rank_pattern": (_by_pattern(_is_count), "whole numbers above 0 by module"),
    "lora_alpha": (_is_number, "a finite number"),
    "alpha_pattern": (_by_pattern(_is_number), "finite numbers by module"),
    "lora_dropout": (_is_share, "a number from 0 to 1"),
    **dict.fromkeys(("target_modules", "exclude_modules"), _MODULES),
    "layers_to_transform": (_are_layers, "whole numbers"),
    **dict.fromkeys(("use_rslora", "fan_in_fan_out"), _FLAG),
    "bias": (lambda value: value in _BIASES, f"one of {', '.join(_BIASES)}"),
    "task_type": (lambda value: value in _TASKS, "a task that PEFT knows"),
    "megatron_config": (lambda value: value is None, "null: Megatron's layers aren't served"),
}
"""By key, what its value must be, and how to say so."""
