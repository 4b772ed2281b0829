"""The command line's overrides, read one by one: what can't be read is named, with a remedy.

Hydra's grammar gives `=`, commas, brackets, quotes and the like a meaning; its own parser says of
all overrides together what it expected, and not of which.
"""

import shlex
from collections.abc import Sequence
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.errors import UsageError, shortened
from pipeline.settings import leaves

SPECIAL = "=()[]{}'\"\\$:,%"
"""What isn't plain text within a value, or not at every place."""

DIRECTORIES = ("paths.", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")

INSTANTIATING = ("_target_", "_partial_", "_args_", "_convert_", "_recursive_")
"""Keys of which Hydra makes objects."""


def parsed(arguments: Sequence[str]) -> list[Override]:
    """The overrides, none of which contradicts another.

    Raises:
        UsageError: one can't be read, or two set the same thing to different values.
    """
    overrides = [_parsed(each) for each in arguments]
    for each in overrides:
        _refuse_nowhere(each)
    _refuse_contradictions(overrides)
    return overrides


def as_text(argument: str) -> str:
    """An override, quoted for a shell, whose value is the text after its first equals sign.

    Empty where no quoting makes it so, as of `${` without an end.
    """
    name, _, value = argument.partition("=")
    quoted = f"{name}={QuotedString(value, Quote.double).with_quotes()}"
    try:
        read = OmegaConf.create({"value": _parser().parse_override(quoted).value()})
        same: bool = read.value == value
    except (HydraException, OmegaConfBaseException):
        return ""
    return shlex.quote(quoted) if same else ""


def _parsed(argument: str) -> Override:
    shown = shortened(argument)
    if not argument.isprintable() and any("\ud800" <= each <= "\udfff" for each in argument):
        raise UsageError(
            f"{shown}: isn't UTF-8, and names here have to be; rename it, or link to it"
        )
    name, equals, _ = argument.partition("=")
    if not argument.strip():
        raise UsageError("an argument is empty; overrides are name=value, as workload.alpha=1")
    if not name.lstrip("+~"):
        raise UsageError(f"{shown}: names no setting; overrides are name=value")
    if not equals and not argument.startswith("~"):
        raise UsageError(f"{shown}: has no value; overrides are name=value, as engine=merged")
    try:
        return _parser().parse_override(argument)
    except HydraException as error:
        raise UsageError(f"{shown}: {_remedy(argument)}") from error


def _remedy(argument: str) -> str:
    name, _, value = argument.partition("=")
    try:
        _parser().parse_override(f"{name}=1" if value else name)
    except HydraException:
        return f"{shortened(name)!r} isn't the name of a setting or of a group"
    found = [each for each in value if each in SPECIAL or not each.isprintable()]
    why = f"{found[0]!r} has a meaning in Hydra's grammar" if found else "can't be read"
    quoted = as_text(argument)
    return f"{why}; as text it is given so: {shortened(quoted)}" if quoted else why


def _refuse_nowhere(override: Override) -> None:
    """Directories without a name would be this one, or the root; Hydra's keys are no settings."""
    name, typed = str(override.key_or_group), shortened(str(override.input_line))
    if override.is_delete() or override.is_sweep_override():
        return
    if name.startswith(DIRECTORIES) and not str(override.value()).strip():
        raise UsageError(f"{typed}: names no directory; leave it out, or name one")
    if name.rpartition(".")[2] in INSTANTIATING:
        raise UsageError(
            f"{typed}: says what a choice is made of; a file of your own, in a folder "
            "that --config-dir names, can say so"
        )


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def _refuse_contradictions(overrides: Sequence[Override]) -> None:
    """Whichever comes last would win, and whoever reads the command would have to know that."""
    said: dict[str, tuple[Any, Override]] = {}
    for override in overrides:
        name = override.get_key_element().lstrip("+~")
        for leaf, value in leaves(name, _value(override)):
            before, by = said.setdefault(leaf, (value, override))
            if repr(before) != repr(value):
                one, other = (shortened(str(each.input_line)) for each in (by, override))
                raise UsageError(f"{one} and {other} set the same; leave one out")


def _value(override: Override) -> Any:
    """As text where it stands for several, or for a removal."""
    plain = not override.is_sweep_override() and not override.is_delete()
    return override.value() if plain else override.input_line
