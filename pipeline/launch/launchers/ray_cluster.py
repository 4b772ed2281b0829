"""`launcher=ray`: blocks of jobs on the nodes of a Ray cluster, one job a node by default.

A node is asked for as an actor that takes all of its processors, or `cpus` of them. It ends with
the process that started the sweep, and the job's process ends with it.
"""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from queue import SimpleQueue

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.launch.launchers.ray_connection import connect
from pipeline.launch.launchers.ray_seat import NodeShare, RaySeat
from pipeline.launch.launchers.seat import Seat
from pipeline.launch.launchers.seated import Seated, check_processes
from pipeline.settings import STRICT

INSTALL = "pip install ray==2.60.0"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RayCluster(Seated):
    """A cluster that runs.

    Attributes:
        address: of its head, `host:port`; `auto` finds the one this machine is a node of.
        cpus: processors of a node that a job takes; None takes all, so that no other is beside it.
    """

    address: str = "auto"
    cpus: PositiveInt | None = None

    def check(self, configs: Sequence[RunConfig]) -> None:
        """Connect to the cluster.

        Raises:
            UsageError: Ray isn't installed, there is no cluster, it has no node that would do, or a
                job is to run in this process.
        """
        if importlib.util.find_spec("ray") is None:
            raise UsageError(f"launcher=ray: needs Ray, which isn't installed: {INSTALL}")
        check_processes(configs, "ray")
        connect(self.address, "launcher")
        if self._free.empty():
            wanted = f"launcher.cpus={self.cpus}" if self.cpus else "a processor"
            raise UsageError(f"launcher=ray: no node of the cluster has {wanted}")

    @property
    def places(self) -> int:
        """As many as its nodes have room for."""
        return len(self._shares)

    @contextmanager
    def seat(self) -> Iterator[Seat]:
        """A node, or a part of one, for as long as this lasts."""
        share = self._free.get()
        try:
            yield RaySeat(share)
        finally:
            self._free.put(share)

    @cached_property
    def _shares(self) -> list[NodeShare]:
        """All there are, the first of every node before the second of any."""
        import ray

        nodes = [node for node in ray.nodes() if node["Alive"]]
        found = [
            NodeShare(
                node["NodeID"],
                node["NodeManagerHostname"],
                self.cpus or cpus,
                None if self.cpus is None else number * self.cpus,
            )
            for node in nodes
            if (cpus := int(node["Resources"].get("CPU", 0)))
            for number in range(cpus // (self.cpus or cpus))
        ]
        return sorted(found, key=lambda share: share.first or 0)

    @cached_property
    def _free(self) -> SimpleQueue[NodeShare]:
        queue: SimpleQueue[NodeShare] = SimpleQueue()
        for share in self._shares:
            queue.put(share)
        return queue
