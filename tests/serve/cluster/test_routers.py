"""Which replica a request goes to. Needs Ray Serve."""

import asyncio
from types import SimpleNamespace

import pytest

from pipeline.serve.cluster.ray_serve import INSTALL

pytest.importorskip("grpc", reason=f"Ray Serve isn't installed: {INSTALL}")
pytest.importorskip("ray", reason=f"Ray Serve isn't installed: {INSTALL}")


def replica(name, *adapters):
    return SimpleNamespace(replica_id=name, routing_stats={"adapters": list(adapters)})


def request(adapter):
    return SimpleNamespace(
        metadata=SimpleNamespace(multiplexed_model_id=adapter),
        routing_context=SimpleNamespace(should_backoff=False),
    )


@pytest.fixture
def router():
    from pipeline.serve.cluster.adapter_router import AdapterRouter

    made = AdapterRouter.__new__(AdapterRouter)
    made.initialize_state()
    return made


def ranked(router, adapter, *replicas):
    """The replicas' names, group by group."""
    groups = asyncio.run(router.choose_replicas(list(replicas), request(adapter)))
    return [[each.replica_id for each in group] for group in groups]


def test_those_first_that_have_the_adapter_then_those_that_have_few(router):
    found = ranked(router, "x", replica("a", "y", "z"), replica("b", "x"), replica("c", "y"))
    assert found == [["b"], ["c", "a"]]


def test_until_it_is_told_an_adapter_is_where_it_was_sent(router):
    router.on_request_routed(request("x"), "c", None)
    assert ranked(router, "x", replica("a"), replica("b", "x"), replica("c"))[0] == ["b", "c"]
    assert ranked(router, "y", replica("a"), replica("c"))[0] == []


def test_a_home_that_is_gone_is_none(router):
    router.on_request_routed(request("x"), "gone", None)
    assert ranked(router, "x", replica("a"), replica("b")) == [[], ["a", "b"]]


def test_where_the_last_request_went_counts_for_a_minute(router, monkeypatch):
    """Since then replicas were added, were taken away, or have lost the adapter."""
    now = [1000.0]
    monkeypatch.setattr("pipeline.serve.cluster.adapter_router.monotonic", lambda: now[0])
    router.on_request_routed(request("x"), "a", None)
    now[0] += 40
    router.on_request_routed(request("y"), "a", None)
    old, new = replica("a", "z"), replica("b")
    now[0] += 19
    assert ranked(router, "x", old, new)[0] == ["a"]
    now[0] += 2
    assert ranked(router, "x", old, new) == [[], ["b", "a"]]
    assert ranked(router, "y", old, new)[0] == ["a"]
    now[0] += 60
    router.on_request_routed(request("z"), "b", None)
    assert [*router._sent] == ["z"]


def test_the_base_model_is_everywhere(router):
    router.on_request_routed(request(""), "a", None)
    assert ranked(router, "", replica("a"), replica("b", "x")) == [["a", "b"]]


def test_names_that_clients_make_up_are_forgotten(router, monkeypatch):
    monkeypatch.setattr("pipeline.serve.cluster.adapter_router.MOST_REMEMBERED", 3)
    for number in range(10):
        router.on_request_routed(request(str(number)), "a", None)
    assert ranked(router, "9", replica("a"))[0] == ["a"]
    assert ranked(router, "0", replica("a"))[0] == []


def test_random_takes_any_and_then_another():
    from pipeline.serve.cluster.random_router import RandomRouter

    made = RandomRouter.__new__(RandomRouter)
    found = {
        tuple(map(tuple, ranked(made, "x", replica("a", "x"), replica("b")))) for _ in range(99)
    }
    assert found == {(("a",), ("b",)), (("b",), ("a",))}


@pytest.mark.parametrize("adapter", ["", "x"])
def test_while_all_are_full_a_request_waits_between_looks(router, adapter):
    asked = request(adapter)
    asyncio.run(router.choose_replicas([replica("a", "x")], asked))
    assert asked.routing_context.should_backoff
