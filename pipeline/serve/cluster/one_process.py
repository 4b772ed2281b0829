"""`cluster=local`: one engine, in the server's own process."""

from pydantic.dataclasses import dataclass

from pipeline.serve.build import load
from pipeline.serve.config import Cluster, ServeConfig
from pipeline.serve.deployment import Deployment
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class OneProcess(Cluster):
    """This one."""

    def check(self, config: ServeConfig) -> None:
        """Nothing: what an engine needs is checked when it is loaded."""

    def deployed(self, config: ServeConfig) -> Deployment:
        """See `Cluster`."""
        return load(config)
