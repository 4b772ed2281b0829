"""Composing the jobs of a sweep: what they have in common is read and merged once.

Hydra composes every job of a sweep from its files, and does so twice: its sweeper rehearses, for
launchers that start jobs while others are still to be composed. Ours starts none before all are
composed and checked; and jobs that make the same choices (of engine, law and so on) differ by
plain values alone, which Hydra itself lays over what it has merged.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from hydra._internal import hydra as internals
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.types import Override
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf


class ChoicesOnce(ConfigLoaderImpl):  # type: ignore[misc]
    """Merges the files of each combination of choices once, and gives jobs a copy each."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._merged: dict[tuple[str, ...], DictConfig] = {}

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
    """While this lasts, `hydra.main` composes each job of a sweep once, and by `ChoicesOnce`."""
    loader, rehearse = internals.ConfigLoaderImpl, Sweeper.validate_batch_is_legal
    internals.ConfigLoaderImpl, Sweeper.validate_batch_is_legal = ChoicesOnce, lambda *_: None
    try:
        yield
    finally:
        internals.ConfigLoaderImpl, Sweeper.validate_batch_is_legal = loader, rehearse


def _chooses(override: Override, files: Any) -> bool:
    """Whether it names a file to be merged; else it is a value to be laid over them."""
    return files.group_exists(override.key_or_group) and not isinstance(override.value(), dict)


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
