"""Which of a model's modules an adapter's configuration means: PEFT's matching rules.

As PEFT 0.21 has them in `check_target_module_exists` and `get_pattern_key`; a text is a regular
expression there, a list holds names or ends of names.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pipeline.models.family import LINEAR

ALL_LINEAR = "all-linear"
DEFAULT_TARGETS = ("q_proj", "v_proj")
"""What PEFT adapts where a configuration names no `target_modules`, of families for which it
doesn't ask for them (`Family.targets`)."""


@dataclass(frozen=True)
class Pattern:
    """A regular expression as PEFT tries it on names of modules.

    Attributes:
        key: where in the configuration it stands.
        given: as it stands there.
        expression: with what PEFT puts around it.
        whole: the whole name has to match, not its beginning alone.
    """

    key: str
    given: str
    expression: str
    whole: bool = False

    def match(self, name: str) -> re.Match[str] | None:
        """What it finds in a module's name."""
        compiled = _compiled(self.expression)
        return compiled.fullmatch(name) if self.whole else compiled.match(name)


def patterns_of(config: Mapping[str, Any]) -> Iterator[Pattern]:
    """Every regular expression of a configuration."""
    for key in ("target_modules", "exclude_modules"):
        if isinstance(given := config.get(key), str) and not is_all_linear(key, given):
            yield Pattern(key, given, given, whole=True)
    for key in ("rank_pattern", "alpha_pattern"):
        yield from (_valued(key, each) for each in config.get(key) or {})
    yield from map(_saved, config.get("modules_to_save") or ())
    yield from map(_layer, _listed(config.get("layers_pattern")))


def is_target(config: Mapping[str, Any], module: str) -> bool:
    """Whether the adapter has an update of that linear layer, or would have one of that module."""
    if _is_named(config, "exclude_modules", module):
        return False
    if any(_saved(each).match(module) for each in config.get("modules_to_save") or ()):
        return False
    targets = config.get("target_modules")
    if targets is None:
        return module.rsplit(".", 1)[-1] in DEFAULT_TARGETS and _in_layers(config, module)
    if is_all_linear("target_modules", targets):
        return module.rsplit(".", 1)[-1] in LINEAR
    if isinstance(targets, list) and module in targets:  # A whole name counts in any layer.
        return True
    return _is_named(config, "target_modules", module) and _in_layers(config, module)


def is_parameter_target(config: Mapping[str, Any], parameter: str) -> bool:
    """Whether `target_parameters` mean the parameter of that path: by its end, in every layer."""
    return _is_named({"": config.get("target_parameters")}, "", parameter)


def is_all_linear(key: str, given: Any) -> bool:
    """Whether the value of that key means all linear layers."""
    return key == "target_modules" and isinstance(given, str) and given.lower() == ALL_LINEAR


def value_for(config: Mapping[str, Any], key: str, module: str, default: Any) -> Any:
    """What `rank_pattern` or `alpha_pattern` says of a module: the first pattern that matches."""
    for given, value in (config.get(key) or {}).items():
        if _valued(key, given).match(module):
            return value
    return default


@lru_cache(maxsize=8192)
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


def _valued(key: str, given: str) -> Pattern:
    return Pattern(key, given, rf"(.*\.)?({given})$")


def _saved(given: str) -> Pattern:
    return Pattern("modules_to_save", given, rf"(^|.*\.){given}($|\..*)")


def _layer(given: str) -> Pattern:
    return Pattern("layers_pattern", given, rf"(?:^|.*?\.){given}\.(?P<idx>\d+)\.")


def _is_named(config: Mapping[str, Any], key: str, module: str) -> bool:
    given: str | Collection[str] | None = config.get(key)
    if isinstance(given, str):
        return bool(given) and Pattern(key, given, given, whole=True).match(module) is not None
    return bool(given) and any(end in _as_set(tuple(given or ())) for end in _ends(module))


def _ends(module: str) -> Iterator[str]:
    """The name and what follows each of its dots."""
    yield module
    while "." in module:
        module = module.partition(".")[2]
        yield module


@lru_cache(maxsize=64)
def _as_set(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names)


def _in_layers(config: Mapping[str, Any], module: str) -> bool:
    layers = _listed(config.get("layers_to_transform"))
    if not layers:
        return True
    given = _listed(config.get("layers_pattern"))
    if not given:
        found = _compiled(r".*?\.[^.]*\.(?P<idx>\d+)\.").match(module)
    else:
        found = next(filter(None, (_layer(each).match(module) for each in given)), None)
    if found is None or found["idx"] is None:  # An alternative may match without a number.
        return False
    return int(found["idx"]) in layers


def _listed(value: Any) -> Collection[Any]:
    if value is None or value == "":
        return ()
    return value if isinstance(value, list) else (value,)
