"""`cluster=ray`: two replicas on a cluster of this machine, asked as any server is.

Needs Ray Serve (`pip install 'ray[serve]==2.60.0'`), which no other test does.
"""

import importlib.util
import json
import os
import signal
from contextlib import suppress
from threading import Thread
from time import sleep

import httpx2
import psutil
import pytest

from pipeline.serve.cluster.ray_serve import INSTALL
from tests.serve.asking import COMPLETIONS, asked, names, refused, streamed
from tests.serve.launched import launched
from tests.waiting import until

has_ray = all(importlib.util.find_spec(each) is not None for each in ("ray", "grpc"))
pytestmark = pytest.mark.skipif(not has_ray, reason=f"Ray Serve isn't installed: {INSTALL}")

KEY = {"Authorization": "Bearer 0123456789abcdef"}
HELD = {"Authorization": "Bearer fedcba9876543210"}
LONG = {"prompt": "Once upon a time", "max_tokens": 1900, "ignore_eos": True}


@pytest.fixture(scope="module")
def address():
    """Of a cluster of one node, with room for three replicas."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 3, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    yield cluster.address
    cluster.shutdown()


@pytest.fixture(scope="module")
def server(address, cache, tmp_path_factory):
    """Two replicas of engine=noop, and keys."""
    folder = tmp_path_factory.mktemp("a server")
    keys = folder / "keys.json"
    held = {"key": HELD["Authorization"].split()[1], "adapters": ["sql"]}
    keys.write_text(json.dumps({"all": KEY["Authorization"].split()[1], "held": held}))
    own = (f"cluster.address={address}", f"serve.keys='{keys}'", f"paths.cache='{cache}'")
    limits = ("threads=1", "serve.max_body_bytes=65536")
    with launched(folder, ["engine=noop", "cluster=ray", *own, *limits]) as started:
        yield started


@pytest.fixture
def client(server):
    with httpx2.Client(base_url=server.url, headers=KEY, timeout=600) as speaking:
        yield speaking


def replicas():
    """Numbers of their processes, which are of the cluster's, which are of this one."""
    found = set()
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "ServeReplica" in " ".join(each.cmdline()):
                found.add(each.pid)
    return found


def test_it_speaks_as_a_single_server_does(client):
    assert names(client)[:1] == ["tiny"] and "sql" in names(client)
    body = {"model": "sql", "prompt": "Once upon a time", "max_tokens": 5}
    whole = asked(client, **body)
    pieces = streamed(client, **body)
    assert whole["choices"][0]["text"] == "".join(each["choices"][0]["text"] for each in pieces)
    assert whole["model"] == "sql" and whole["usage"]["completion_tokens"] == 5
    assert client.get("/health").status_code == 200
    assert client.get("/openapi.json").json()["paths"].keys() >= {COMPLETIONS}


def test_what_is_wrong_is_told_as_ever(client):
    assert "does not exist" in refused(client, status=404, model="nobody", prompt="a")["message"]
    assert refused(client, model="sql", prompt="a", temperature=-1)["param"] == "temperature"
    assert client.post(COMPLETIONS, json={"prompt": "a" * 70_000}).status_code == 413
    assert client.get("/nowhere").status_code == 404
    load = client.post("/v1/load_lora_adapter", json={"lora_name": "a", "lora_path": "a"})
    assert load.status_code == 404
    assert "several" in client.get("/status").json()["error"]["message"]


def test_keys_are_held_to_their_adapters_on_replicas_too(server):
    with httpx2.Client(base_url=server.url, headers=HELD, timeout=600) as held:
        assert names(held) == ["sql"]
        refused(held, status=404, model="verse", prompt="a")
        assert held.get("/metrics").status_code == 403
    assert httpx2.get(f"{server.url}/v1/models").status_code == 401


def test_metrics_are_of_all_replicas(client):
    text = client.get("/metrics").text
    assert "multilora:replicas 2.0" in text
    running = [each for each in text.splitlines() if each.startswith("vllm:num_requests_running")]
    assert len({each.partition('replica="')[2] for each in running}) == 2


def test_a_replica_that_is_killed_leaves_no_answer_without_an_end(server, client):
    """Those it was at end with an error; others go on; and it is replaced."""
    ends: list[str] = []

    def ask(stream: bool) -> None:
        with client.stream("POST", COMPLETIONS, json={**LONG, "stream": stream}) as answer:
            answer.read()
        ends.append(f"{answer.status_code} {answer.text[-300:]}")

    before = replicas()
    asking = [Thread(target=ask, args=(number % 2 == 0,)) for number in range(8)]
    for each in asking:
        each.start()
    sleep(0.2)
    os.kill(min(before), signal.SIGKILL)
    for each in asking:
        each.join(600)
    assert len(ends) == len(asking)
    for each in ends:
        whole = '"completion_tokens":1900' in each or '"finish_reason":"length"' in each
        told = "the replica is gone" in each
        assert whole != told, each
        assert each.startswith("503") or each.startswith("200")
    until(lambda: len(replicas()) == 2 and replicas() != before)
    assert asked(client, model="sql", prompt="a", max_tokens=3)["usage"]["completion_tokens"] == 3


def test_replicas_that_find_no_processor_free_are_refused(server, address, cache, tmp_path):
    """The cluster has three, of which the other server's replicas have two."""
    own = (
        "threads=1",
        "cluster.replicas=2",
        f"cluster.address={address}",
        f"paths.cache='{cache}'",
    )
    with (
        pytest.raises(RuntimeError, match="leaves the cluster's nodes room for 1 of threads=1"),
        launched(tmp_path, ["engine=noop", "cluster=ray", *own]),
    ):
        pass


def test_a_server_that_is_killed_takes_its_replicas_with_it(address, cache, tmp_path):
    own = (f"cluster.address={address}", "cluster.replicas=1", f"paths.cache='{cache}'")
    known = replicas()
    with launched(tmp_path, ["engine=noop", "cluster=ray", "threads=1", *own]) as second:
        mine = replicas() - known
        assert len(mine) == 1
        os.kill(second.guard, signal.SIGKILL)
    until(lambda: not mine & replicas())
