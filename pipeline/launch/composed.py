"""A job as Hydra composed it, before it is known to be one."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from omegaconf import DictConfig, OmegaConf

from pipeline.config.load import built
from pipeline.errors import UsageError
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Launcher
from pipeline.launch.overrides import job_of, name_of, refuse_names
from pipeline.tracking.run_directory import RunDirectory


@dataclass(frozen=True)
class Composed:
    """A job as Hydra composed it.

    Attributes:
        config: its configuration.
        directory: where its files go.
        overrides: what was typed for it.
        groups: what chose its components, by their place in the configuration.
    """

    config: DictConfig
    directory: Path
    overrides: tuple[str, ...]
    groups: Mapping[str, str]

    def again(self, repeat: int) -> Self:
        """The same as another repeat."""
        config = deepcopy(self.config)
        OmegaConf.update(config, "repeat", repeat)
        others = (each for each in self.overrides if name_of(each) != "repeat")
        return replace(self, config=config, overrides=(*others, f"repeat={repeat}"))

    def launcher(self) -> Launcher:
        """Where it is to run.

        Raises:
            UsageError: its settings can't be.
        """
        node = OmegaConf.to_container(self.config.launcher, resolve=True)
        found = built({"launcher": node})["launcher"]
        if not isinstance(found, Launcher):
            raise UsageError("launcher: its _target_ names no launcher")
        return found

    def job(self) -> Job:
        """The same, typed.

        Raises:
            UsageError: it can't be a job.
        """
        refuse_names(self.overrides, self.groups)
        return job_of(self.config, self.overrides, RunDirectory(self.directory))
