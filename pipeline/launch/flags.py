"""What stands on the command line beside overrides: Hydra's flags, checked before Hydra runs."""

import argparse
import os
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from pipeline.errors import UsageError, shortened
from pipeline.launch.vocabulary import meant

ALONE = ("cfg", "multirun", "run", "info", "shell-completion")
"""Flags of which each asks for something else."""


def read_flags(arguments: Sequence[str]) -> argparse.Namespace:
    """The flags as Hydra's own parser reads them, and beside them `overrides`.

    Raises:
        UsageError: a flag isn't there, lacks its value, or can't be combined with another.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    _refuse_unknown(parser, arguments)
    given: argparse.Namespace = parser.parse_args([*arguments])
    _refuse_combinations(given)
    return given


def _refuse(message: str) -> NoReturn:
    raise UsageError(f"{message}; python -m pipeline --hydra-help lists the flags")


def _refuse_unknown(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    known, rest = parser.parse_known_args([*arguments])
    flags = [flag for action in parser._actions for flag in action.option_strings]
    for each in [*known.overrides, *rest]:
        if each in rest and not each.startswith("-"):
            raise UsageError(
                f"{shortened(each)}: overrides stand together; flags go before or after all of them"
            )
        if each.startswith("-"):
            near = meant(each.partition("=")[0], flags)
            _refuse(f"{shortened(each)}: no such flag{near}")


def _refuse_combinations(given: argparse.Namespace) -> None:
    values = {f"--{each}": getattr(given, each.replace("-", "_")) for each in ALONE}
    asked = [flag for flag, value in values.items() if value not in (None, False)]
    if "--cfg" in asked and "--multirun" in asked:
        raise UsageError(
            "--cfg shows one configuration: leave --multirun (-m) out, and sweep nothing"
        )
    if len(asked) > 1:
        raise UsageError(f"{asked[0]} and {asked[1]} ask for different things; leave one out")
    if given.package is not None and given.cfg is None:
        raise UsageError(f"--package={given.package}: says what --cfg shows; give --cfg job, too")
    if given.resolve and given.cfg is None and not given.help:
        raise UsageError("--resolve: says how --cfg shows things; give --cfg job, too")
    if given.experimental_rerun is not None:
        raise UsageError(
            "--experimental-rerun: no run keeps such a file; give the overrides again, with "
            "hydra.run.dir=… or hydra.sweep.dir=… to go on where it was left"
        )
    if given.config_dir is not None and not os.path.isdir(given.config_dir):
        raise UsageError(
            f"--config-dir={given.config_dir}: no such folder, or one that this user can't reach"
        )
