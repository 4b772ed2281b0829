"""The configuration of a server: a run's groups of model, adapters, engine; `serve`, `cluster`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.source import AdapterSource
from pipeline.config.limits import Paths
from pipeline.config.run_config import check_thread_count
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.launch.command_config import command_config
from pipeline.machine.cores import cores
from pipeline.models.source import ModelSource
from pipeline.serve.deployment import Deployment
from pipeline.serve.settings import ServeSettings
from pipeline.settings import STRICT

PRIMARY = "server"
"""The file in `conf/` that lists groups and settings."""


class Cluster(ABC):
    """Where the engine is that serves, or the engines are; chosen by `cluster=`."""

    @abstractmethod
    def check(self, config: "ServeConfig") -> None:
        """See that it can be there, before anything is started.

        Raises:
            UsageError: it can't; says what to install, to start or to give instead.
        """

    @abstractmethod
    def deployed(self, config: "ServeConfig") -> Deployment:
        """Load it; returns when it can answer.

        Raises:
            UsageError: it can't be loaded.
        """


@dataclass(frozen=True, config=STRICT, kw_only=True)
class ServeConfig:
    """Everything that decides what is served, and how.

    Attributes:
        model: where the base model comes from.
        adapters: where the adapters come from that are there from the beginning.
        engine: who serves.
        serve: how.
        cluster: where.
        paths: where things are.
        threads: compute threads; None takes the physical cores within affinity mask and CPU quota.
    """

    model: ModelSource
    adapters: AdapterSource
    engine: EngineSettings
    serve: ServeSettings
    cluster: Cluster
    paths: Paths
    threads: PositiveInt | None = None

    def __post_init__(self) -> None:
        check_thread_count(self.threads)
        changes = self.serve.loads or self.serve.resolve
        if changes and not self.engine.capabilities.adds_adapters:
            raise UsageError(
                f"engine={self.engine.name} can't add adapters while it runs; use "
                "engine=multilora, or leave out serve.allow_runtime_adapters and serve.resolve"
            )

    @property
    def compute_threads(self) -> int:
        """Threads the engine gets: those asked for, else one a core that this process may use."""
        return self.threads or cores().threads

    @property
    def base_name(self) -> str:
        """By which clients call the base model."""
        return self.serve.name or self.model.public_name


def composed(overrides: Sequence[str]) -> ServeConfig:
    """The configuration that overrides make, typed.

    Raises:
        UsageError: they ask for something that isn't there, or that is impossible.
    """
    return command_config(ServeConfig, PRIMARY, overrides, "server")
