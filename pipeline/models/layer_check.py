"""Whether what a `config.json` says of its layers goes together: windows, rotations, experts."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import UsageError
from pipeline.models.family import EXPERTS, EXPERTS_TOO, EXPERTS_USED, Family
from pipeline.models.windows import FULL, SLIDING

LAYERS = (FULL, SLIDING)
MAX_EXPERTS = 1024
"""Of a layer; in all layers there are no more than `MAX_EXPERTS_IN_ALL`."""
MAX_EXPERTS_IN_ALL = 50_000


def check_layers(config: Mapping[str, Any], family: Family, where: str) -> None:
    """Refuse what can't say which layers have a window, and which turn no queries and keys.

    Raises:
        UsageError: with the key.
    """
    kinds, turned = config.get("layer_types"), config.get("no_rope_layers")
    count = config["num_hidden_layers"]
    if (family.nope and turned is not None) and (
        len(turned) < count or any(each not in (0, 1) for each in turned)
    ):
        raise UsageError(
            f"{where}: no_rope_layers must hold a 0 or a 1 for each of the {count} layers; "
            "correct it"
        )
    if family.windows == "pattern" and config.get("sliding_window_pattern") is None:
        raise UsageError(f"{where}: sliding_window_pattern is null; state a whole number above 0")
    if kinds is None:
        return
    if len(kinds) != count or not all(kind in LAYERS for kind in kinds):
        raise UsageError(
            f"{where}: layer_types must name one of {', '.join(LAYERS)} for each of the {count} "
            "layers; correct it"
        )


def check_experts(config: Mapping[str, Any], where: str) -> None:
    """Refuse numbers of experts that can't be, or that no engine here computes.

    Raises:
        UsageError: with the key.
    """
    count, used = config[EXPERTS], config[EXPERTS_USED]
    layers = config["num_hidden_layers"]
    if count > MAX_EXPERTS or count * layers > MAX_EXPERTS_IN_ALL:
        raise UsageError(
            f"{where}: {count} experts in each of {layers} layers, beyond {MAX_EXPERTS} a layer or "
            f"{MAX_EXPERTS_IN_ALL} in all; correct it"
        )
    if config.get(EXPERTS_TOO, count) != count:
        raise UsageError(
            f"{where}: {EXPERTS} is {count}, {EXPERTS_TOO} {config[EXPERTS_TOO]}; correct one"
        )
    if used > count:
        raise UsageError(f"{where}: {EXPERTS_USED} is {used}, of {count} experts; correct it")
    if any(type(each) is not int for each in config.get("mlp_only_layers") or ()):
        raise UsageError(f"{where}: mlp_only_layers must hold numbers of layers; correct it")
