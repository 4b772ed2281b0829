"""Whether replicas find their processors on the nodes of a Ray cluster."""

from collections.abc import Iterable, Mapping
from time import monotonic, sleep

from pipeline.errors import UsageError

FREED_S, LOOK_S = 30.0, 0.5
"""Seconds in which what has just ended, such as a server before this one, may give its processors
back; and after which one looks again."""


def check_placement(replicas: int, cpus: int) -> None:
    """See that all replicas can be placed now: Ray would wait for their processors without end.

    Args:
        replicas: how many.
        cpus: processors of each, all of one node.

    Raises:
        UsageError: the cluster's nodes are too few or too small, or other work has them.
    """
    import ray
    from ray._private.state import available_resources_per_node

    room = _room((each["Resources"] for each in ray.nodes() if each["Alive"]), cpus)
    asked, each_ = f"cluster.replicas={replicas}", f"threads={cpus} each"
    if room < replicas:
        raise UsageError(
            f"{asked}: the cluster's nodes have room for {room} of {each_}; add nodes, or give "
            "fewer replicas or threads"
        )
    until = monotonic() + FREED_S
    while (free := _room(available_resources_per_node().values(), cpus)) < replicas:
        if monotonic() >= until:
            raise UsageError(
                f"{asked}: other work, which `ray status` shows, leaves the cluster's nodes room "
                f"for {free} of {each_}; wait for its end, or give fewer replicas or threads"
            )
        sleep(LOOK_S)


def _room(nodes: Iterable[Mapping[str, float]], cpus: int) -> int:
    """Replicas for which those resources of nodes are enough."""
    return sum(int(each.get("CPU", 0)) // cpus for each in nodes)
