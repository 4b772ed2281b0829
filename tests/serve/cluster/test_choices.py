"""Every choice of `cluster=`; and what cluster=ray refuses before anything is started."""

import importlib.util
from pathlib import Path

import pytest
import yaml
from hydra.utils import instantiate

from pipeline.errors import UsageError
from pipeline.serve.cluster.ray_serve import INSTALL, ROUTERS, ReplicaRouting
from pipeline.serve.config import Cluster, composed
from pipeline.serve.settings import VARIABLE

CHOICES = sorted((Path(__file__).parents[3] / "conf" / "cluster").glob("*.yaml"))


@pytest.mark.parametrize("path", CHOICES, ids=lambda path: path.stem)
def test_every_choice_is_a_cluster_that_refuses_what_it_has_no_setting_for(path):
    node = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(instantiate(node), Cluster)
    with pytest.raises(Exception, match="no_such_setting"):
        instantiate({**node, "no_such_setting": 1})


@pytest.fixture
def installed(monkeypatch):
    """As if Ray were there, and a cluster with no node."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)


def test_without_ray_it_says_how_it_is_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = composed(["cluster=ray"])
    with pytest.raises(UsageError, match=INSTALL.replace("[", r"\[").replace("]", r"\]")):
        config.cluster.check(config)


def test_adapters_that_requests_load_are_refused(installed, tmp_path, monkeypatch):
    root = f"serve.adapter_root='{tmp_path}'"
    asked = composed(["cluster=ray", "serve.allow_runtime_adapters=true", root])
    monkeypatch.setenv(VARIABLE, "1")
    said = composed(["cluster=ray", root])
    for config in (asked, said):
        with pytest.raises(UsageError, match=r"serve\.resolve=true serve\.adapter_root=FOLDER"):
            config.cluster.check(config)


def test_what_no_replica_could_serve_is_refused_where_the_command_is_given(installed):
    config = composed(["cluster=ray", "serve.name=sql"])
    with pytest.raises(UsageError, match="an adapter is called so, too"):
        config.cluster.check(config)


@pytest.mark.parametrize(
    "wrong",
    ["replicas=0", "most_replicas=1", "routing=nearest", "target_requests=0", "open_requests=0"],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match=rf"cluster\.{wrong}"):
        composed(["cluster=ray", f"cluster.{wrong}"])


def test_a_replica_is_made_without_what_the_server_before_it_sees_to(tmp_path):
    keys, log = tmp_path / "keys.json", tmp_path / "log.jsonl"
    keys.write_text('{"me": "0123456789abcdef"}')
    own = [f"serve.keys='{keys}'", f"serve.access_log='{log}'", "serve.host=0.0.0.0"]
    config = composed(["cluster=ray", "threads=1", *own])
    of_replica = config.cluster.of_replica(config)
    assert of_replica.serve.keys is None and of_replica.serve.access_log is None
    assert of_replica.serve.host == "127.0.0.1" and of_replica.threads == 1
    assert of_replica.serve.max_body_bytes == config.serve.max_body_bytes


def test_the_number_of_replicas_follows_the_load_where_it_may():
    kept, moves = (composed(["cluster=ray", *more]) for more in ([], ["cluster.most_replicas=5"]))
    assert kept.cluster.options(kept)["num_replicas"] == 2
    options = moves.cluster.options(moves)
    assert "num_replicas" not in options
    scaling = options["autoscaling_config"]
    assert (scaling["min_replicas"], scaling["max_replicas"]) == (2, 5)
    assert options["max_ongoing_requests"] == moves.engine.max_batch_size
    assert {*ROUTERS} == {*ReplicaRouting}
