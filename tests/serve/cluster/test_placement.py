"""Replicas are placed on what is free of a cluster; which cluster, the tests say."""

import sys
from types import ModuleType

import pytest

from pipeline.errors import UsageError
from pipeline.serve.cluster import placement
from pipeline.serve.cluster.placement import check_placement


@pytest.fixture
def cluster(monkeypatch):
    """Called with what nodes have, and with what is free of it at every look."""

    def of(nodes, *looks):
        ray, private, state = map(ModuleType, ("ray", "ray._private", "ray._private.state"))
        ray.nodes = lambda: [{"Alive": up, "Resources": {"CPU": cpus}} for cpus, up in nodes]
        left = [*looks]

        def free():
            now = left.pop(0) if len(left) > 1 else left[0]
            return {str(place): {"CPU": cpus} if cpus else {} for place, cpus in enumerate(now)}

        state.available_resources_per_node = free
        for each in (ray, private, state):
            monkeypatch.setitem(sys.modules, each.__name__, each)
        monkeypatch.setattr(placement, "FREED_S", 0.05)
        monkeypatch.setattr(placement, "LOOK_S", 0.001)

    return of


def test_what_is_free_is_taken(cluster):
    cluster([(4, True), (4, True)], [2.0, 3.0])
    check_placement(2, 2)


def test_replicas_dont_lie_across_nodes(cluster):
    cluster([(3, True), (3, True)], [3.0, 3.0])
    check_placement(2, 2)
    with pytest.raises(UsageError, match="have room for 2 of threads=2 each; add nodes"):
        check_placement(3, 2)


def test_dead_nodes_have_no_room(cluster):
    cluster([(4, True), (4, False)], [4.0])
    with pytest.raises(UsageError, match=r"cluster\.replicas=2: .*room for 1 of threads=4"):
        check_placement(2, 4)


def test_processors_that_other_work_has_arent_waited_for_without_end(cluster):
    cluster([(4, True), (4, True)], [0, 2.0])
    with pytest.raises(UsageError, match=r"other work, .* room for 1 of threads=2 each; wait"):
        check_placement(2, 2)


def test_what_has_just_ended_may_give_them_back(cluster, monkeypatch):
    cluster([(2, True)], [0], [1.0], [2.0])
    monkeypatch.setattr(placement, "FREED_S", 600.0)
    check_placement(2, 1)
