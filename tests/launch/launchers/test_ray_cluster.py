"""`launcher=ray`: what is refused without a cluster, and a sweep on one of two nodes.

The second needs Ray (`pip install ray==2.60.0`), which no other test does.
"""

import importlib.util
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.config.run_config import RunConfig
from pipeline.errors import UsageError
from pipeline.launch.launchers.ray_cluster import INSTALL, RayCluster
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

Config = Callable[..., RunConfig]

has_ray = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not has_ray, reason=f"Ray isn't installed: {INSTALL}")


def test_without_ray_it_says_how_it_is_installed(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=INSTALL):
        RayCluster().check([config("engine=noop")])


@needs_ray
def test_a_job_in_this_process_cannot_be_sent(config: Config) -> None:
    with pytest.raises(UsageError, match="isolation=inline"):
        RayCluster().check([config("engine=noop", "isolation=inline")])


@needs_ray
def test_without_a_cluster_it_says_how_one_is_started(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(*_: object, **__: object) -> None:
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(UsageError, match="`ray start --head` starts one"):
        RayCluster().check([config("engine=noop")])


@pytest.fixture
def cluster() -> Iterator[str]:
    """Two nodes of a processor each, on this machine; the address of the head."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=small)
    del small["include_dashboard"]
    found.add_node(**small)
    yield found.address
    import ray

    ray.shutdown()
    found.shutdown()


@needs_ray
def test_a_sweep_on_two_nodes_is_as_on_one_machine(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.__main__ import main
    from pipeline.launch import sweep

    monkeypatch.setattr(sweep, "_compare", lambda *_: None)
    setup = (
        *("+experiment=smoke", "engine=noop,noop", "repeat=0,1", "threads=1", "tracking=none"),
        *("fidelity.enabled=false", "launcher=ray", f"launcher.address={cluster}"),
        *(f"paths.runs={tmp_path}/runs", f"hydra.sweep.dir={tmp_path}/sweep"),
    )
    monkeypatch.setattr(sys, "argv", ["pipeline", "-m", *setup])
    assert main() == 0
    sheet = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    runs = [RunDirectory(tmp_path / "sweep" / each["path"]) for each in sheet["jobs"]]
    assert Counter(run.status().state for run in runs) == {State.FINISHED: 4}
    assert all("launcher" not in run.config() for run in runs)
    assert {run.status().attempt for run in runs} == {1}
    assert main() == 0
    assert {run.status().attempt for run in runs} == {1}, "what has finished isn't run again"
