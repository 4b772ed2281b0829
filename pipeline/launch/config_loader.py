"""Composing the jobs of a sweep: what they have in common is read and merged once.

Hydra composes every job of a sweep from its files, and does so twice: its sweeper rehearses, for
launchers that start jobs while others are still to be composed. Ours starts none before all are
composed and checked; and jobs that make the same choices (of engine, law and so on) differ by
plain values alone, which Hydra itself lays over what it has merged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal import hydra as internals
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.sweeper import Sweeper
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UsageError, shortened
from pipeline.launch.experiments import FittedExperiments
from pipeline.launch.sweep_size import refuse_too_many

BASIC = {"hydra/launcher": "basic", "hydra/sweeper": "basic"}
"""Of what is Hydra's own to choose, what there is here."""

OWN = "hydra._internal.core_plugins."


class CachedConfigLoader(ConfigLoaderImpl):  # type: ignore[misc]
    """Merges the files of each combination of choices once, and gives jobs a copy each.

    Attributes:
        left_out: what of experiments was left out, for other things were chosen than theirs.
    """

    left_out: ClassVar[dict[str, str]] = {}

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._merged: dict[tuple[str, ...], DictConfig] = {}

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        """A configuration, or that of a sweep, once it is known that its jobs can be composed.

        Raises:
            UsageError: a group is given something else than a choice, a launcher isn't ours, or
                the sweep has too many jobs.
        """
        config: DictConfig = super().load_configuration(
            config_name, overrides, run_mode, from_shell, validate_sweep_overrides
        )
        if run_mode is RunMode.MULTIRUN and validate_sweep_overrides:
            self._check_sweep(config)
        return config

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], FittedExperiments]:
        parsed = OverridesParser.create().parse_overrides(overrides)
        for each in parsed:
            _refuse_no_choice(each, self.repository)
        files = FittedExperiments(self.repository, parsed, self.left_out)
        self._process_config_searchpath(config_name, parsed, files)
        return parsed, files

    def _check_sweep(self, config: DictConfig) -> None:
        for name in ("launcher", "sweeper"):
            target = OmegaConf.select(config, f"hydra.{name}._target_")
            if not str(target).startswith(OWN):
                raise UsageError(f"hydra/{name}: {target} can't be used; {_instead(name)}")
        own = OmegaConf.select(config, "hydra.sweeper.params") or {}
        typed = [f"{name}={value}" for name, value in own.items()] + [*config.hydra.overrides.task]
        overrides = OverridesParser.create(config_loader=self).parse_overrides(typed)
        refuse_too_many(overrides, OmegaConf.select(config, "limits.jobs"), self)

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """The configuration of one job, as Hydra's own loader would compose it."""
        name = master_config.hydra.job.config_name
        overrides, files = self._parse_overrides_and_create_caching_repo(name, sweep_overrides)
        choices = [each for each in overrides if _chooses(each, files)]
        key = tuple(each.input_line for each in choices)
        if key not in self._merged:
            self._merged[key] = super().load_sweep_config(master_config, list(key))
        config = deepcopy(self._merged[key])
        values = [each for each in overrides if each not in choices]
        self._apply_overrides_to_config(values, config)
        config.hydra.overrides.task = list(sweep_overrides)
        config.hydra.job.override_dirname = _dirname(overrides, config)
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config


@contextmanager
def composed_once() -> Iterator[None]:
    """While this lasts, `hydra.main` composes each job of a sweep once, by our loader."""
    CachedConfigLoader.left_out.clear()
    loader, rehearse = internals.ConfigLoaderImpl, Sweeper.validate_batch_is_legal
    internals.ConfigLoaderImpl = CachedConfigLoader
    Sweeper.validate_batch_is_legal = lambda *_: None
    try:
        yield
    finally:
        internals.ConfigLoaderImpl, Sweeper.validate_batch_is_legal = loader, rehearse


def _chooses(override: Override, files: Any) -> bool:
    """Whether it names a file to be merged; else it is a value to be laid over them."""
    return files.group_exists(override.key_or_group) and not isinstance(override.value(), dict)


def _refuse_no_choice(override: Override, files: Any) -> None:
    group, typed = str(override.key_or_group), shortened(str(override.input_line))
    if group == "hydra.searchpath":
        _refuse_missing_folders(override)
    ours = BASIC.get(group)
    if ours is not None and override.value() != ours:
        raise UsageError(f"{typed}: {_instead(group.partition('/')[2])}")
    if override.is_delete() or override.is_sweep_override() or not files.group_exists(group):
        return
    several = isinstance(override.value(), list) and override.is_add()
    if not several and not isinstance(override.value(), str | dict):
        raise UsageError(f"{typed}: choose one of {', '.join(files.get_group_options(group))}")


def _refuse_missing_folders(override: Override) -> None:
    folders = override.value() if isinstance(override.value(), list) else ()
    for each in folders:
        path = str(each).removeprefix("file://")
        if "://" not in path and not Path(path).is_dir():
            raise UsageError(f"hydra.searchpath: {path}: no such folder")


def _instead(name: str) -> str:
    if name == "launcher":
        return (
            "where jobs run is chosen by launcher=, without hydra/ (launcher=local is the default)"
        )
    return f"jobs are composed before any of them runs, and hydra/{name}=basic is all there is"


def _dirname(overrides: list[Override], config: DictConfig) -> str:
    shape = config.hydra.job.config.override_dirname
    return str(
        get_overrides_dirname(
            overrides=overrides,
            kv_sep=shape.kv_sep,
            item_sep=shape.item_sep,
            exclude_keys=shape.exclude_keys,
        )
    )
