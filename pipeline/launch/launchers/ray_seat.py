"""A node of a Ray cluster, or some of its processors, taken for jobs one after another."""

from dataclasses import dataclass
from threading import Lock
from typing import Any

from pipeline.errors import UsageError, in_a_line
from pipeline.launch.inputs.arrival import pieces
from pipeline.launch.launchers.seat import JobLost, Seat
from pipeline.launch.launchers.workbench import workbench
from pipeline.launch.remote_order import Order, sources_of

SOON_S = 20.0
"""In which a process begins on a node whose processors are free."""


@dataclass(frozen=True)
class NodeShare:
    """A node, or some of its processors.

    Attributes:
        node: its id.
        name: its host's.
        cpus: processors that are asked for.
        first: number of the first, of those the node's processes may use; None if it gets all.
    """

    node: str
    name: str
    cpus: int
    first: int | None


class RaySeat(Seat):
    """A share that is taken: an actor there, another one when that has died."""

    def __init__(self, share: NodeShare) -> None:
        self._share = share
        self._actor: Any = None
        self._left, self._lock = False, Lock()
        self.name = share.name
        self.cpus = None if share.first is None else (share.first, share.cpus)

    @property
    def there(self) -> bool:
        """Whether the node is one of the cluster's."""
        import ray

        return any(node["NodeID"] == self._share.node and node["Alive"] for node in ray.nodes())

    def carried_out(self, order: Order) -> bytes:
        """What came of a job that was sent.

        Raises:
            JobLost: the node, or the process there, has died, or the seat was left.
            UsageError: it could not be run there: the program isn't installed, say, or another.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            actor = self._taken()
            self._wait_for(actor)
            _bring(order, actor)
            parcel: bytes = ray.get(actor.carry_out.remote(order))
        except RayTaskError as error:
            raise UsageError(_said(error)) from error
        except RayError as error:
            self._actor = None
            raise JobLost(in_a_line(error)) from error
        return parcel

    def leave(self) -> None:
        """Free the share for good, and end what runs there; may be another thread's word."""
        import ray

        with self._lock:
            self._left = True
            actor, self._actor = self._actor, None
        if actor is not None and ray.is_initialized():
            ray.kill(actor)

    def _wait_for(self, actor: Any) -> None:
        """Until the process is there; for its processors, if others have them."""
        import ray

        begun = [actor.begun.remote()]
        if not ray.wait(begun, timeout=SOON_S)[0]:
            self.tell("nothing begins there; `ray status` shows who has its processors")
            ray.wait(begun)
            self.tell("")

    def _taken(self) -> Any:
        """The actor, another one when that has died."""
        with self._lock:
            if self._left:
                raise JobLost("told to stop")
            if self._actor is None:
                self._actor = _actor(self._share)
            return self._actor


def _bring(order: Order, actor: Any) -> None:
    """Send what the node lacks, each content by itself, through Ray's store of objects."""
    import ray
    from ray.exceptions import RayTaskError

    sources = sources_of(order)
    for sha256 in ray.get(actor.lacking.remote(order)):
        under_way = [ray.put(piece) for piece in pieces(sources[sha256])]
        try:
            ray.get(actor.take_in.remote(order, sha256, under_way))
        except RayTaskError as error:
            raise UsageError(f"{sources[sha256]}: {_said(error)}") from error


def _actor(share: NodeShare) -> Any:
    """A process on that node alone, which is not started again by itself."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    where = NodeAffinitySchedulingStrategy(share.node, soft=False)
    remote: Any = ray.remote(num_cpus=share.cpus, max_restarts=0, max_task_retries=0)(workbench())
    return remote.options(scheduling_strategy=where).remote()


def _said(error: Any) -> str:
    cause = error.cause or error
    return str(cause) if isinstance(cause, UsageError | RuntimeError) else in_a_line(cause)
