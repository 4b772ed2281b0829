"""Replicas that can't be started leave nothing behind. Needs Ray Serve."""

from collections import defaultdict
from types import SimpleNamespace

import pytest

from pipeline.errors import UsageError
from pipeline.serve.cluster.ray_serve import INSTALL
from pipeline.serve.config import composed

pytest.importorskip("grpc", reason=f"Ray Serve isn't installed: {INSTALL}")
pytest.importorskip("ray", reason=f"Ray Serve isn't installed: {INSTALL}")


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """Starts replicas on a cluster whose Serve raises an error; gives the error, and the logs."""
    from pipeline.serve.cluster import ray_deployment as module

    logs = []

    class Log(module.AccessLog):
        def __init__(self, path):
            super().__init__(path)
            logs.append(self)

    class Ray:
        def remote(self, **_):
            return lambda kind: SimpleNamespace(remote=lambda: None)

        def shutdown(self):
            pass

    def deployed(error, *, told="", fails="start"):
        def fail(*_, **__):
            raise error

        engine = SimpleNamespace(message=told)
        applications = defaultdict(lambda: SimpleNamespace(deployments={"engine": engine}))
        serve = SimpleNamespace(
            deployment=lambda *_, **__: SimpleNamespace(bind=lambda *_: None),
            start=lambda **_: None,
            delete=lambda *_, **__: None,
            status=lambda: SimpleNamespace(applications=applications),
        )
        setattr(serve, fails, fail)
        monkeypatch.setattr(module, "AccessLog", Log)
        monkeypatch.setattr(module, "ray", Ray())
        monkeypatch.setattr(module, "serve", serve)
        config = composed(["cluster=ray", "threads=1", f"serve.access_log='{tmp_path}/log'"])
        with pytest.raises(BaseException) as raised:
            config.cluster.deployed(config)
        return raised.value, logs

    return deployed


def test_a_cluster_whose_serve_does_not_start_is_told_in_a_line_and_the_log_is_closed(deployed):
    raised, (log,) = deployed(RuntimeError("no controller\nanywhere"))
    assert isinstance(raised, UsageError)
    assert str(raised) == "cluster=ray: RuntimeError: no controller anywhere"
    assert not log._thread.is_alive()


@pytest.mark.parametrize("kind", ["RuntimeError", "pipeline.errors.UsageError"])
def test_what_ended_a_replica_is_told_and_not_that_one_was(kind, deployed):
    trace = f"The deployment failed 3 times.\nTraceback:\n  File x\n{kind}: x: another program\n"
    raised, (log,) = deployed(RuntimeError("failed to update"), told=trace, fails="run")
    assert str(raised) == "cluster=ray: x: another program"
    assert not log._thread.is_alive()


def test_told_to_stop_meanwhile_it_stops(deployed):
    raised, (log,) = deployed(KeyboardInterrupt())
    assert isinstance(raised, KeyboardInterrupt)
    assert not log._thread.is_alive()
