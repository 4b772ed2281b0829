"""`launcher=ray` on nodes that see nothing of the sender's: what jobs read is brought to them.

Each node has a checkout, a cache and a view of the disk of its own, in which the sender's folder is
empty. It needs Ray (`pip install ray==2.60.0`), and leave to mount.
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline.launch.launchers.ray_cluster import INSTALL
from pipeline.machine.free_port import free_port
from pipeline.models.checkpoint import Checkpoint
from pipeline.places import CHECKOUT, CONF, PACKAGE
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

STARTS_S = 300.0
UNSHARED = (
    ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
)


def cannot_mount() -> bool:
    try:
        return subprocess.run([*UNSHARED, "true"], capture_output=True).returncode != 0
    except OSError:
        return True


pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason=f"Ray isn't installed: {INSTALL}"
    ),
    pytest.mark.skipif(cannot_mount(), reason="no leave to mount"),
    pytest.mark.skipif(CHECKOUT is None, reason="not in a checkout"),
]


def checkout(folder: Path) -> Path:
    """A copy of this one."""
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "pipeline", ignore=unwanted)
    shutil.copytree(CONF, folder / "conf")
    shutil.copy(PACKAGE.parent / "pyproject.toml", folder)
    return folder


@pytest.fixture
def sender(tmp_path: Path) -> Path:
    return checkout(tmp_path / "sender")


@pytest.fixture
def nodes(tmp_path: Path) -> tuple[Path, Path]:
    return checkout(tmp_path / "a node"), checkout(tmp_path / "b node")


@pytest.fixture
def address(sender: Path, nodes: tuple[Path, Path], tmp_path: Path) -> Iterator[str]:
    """That of a cluster of these two nodes."""
    port = free_port()
    head = ("--head", f"--port={port}", "--include-dashboard=false")
    try:
        for checkout, role in zip(nodes, (head, (f"--address=127.0.0.1:{port}",)), strict=True):
            start(checkout, sender, role)
        yield f"127.0.0.1:{port}"
    finally:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("OF_TEST") == str(tmp_path):
                    process.send_signal(signal.SIGKILL)


def start(checkout: Path, hidden: Path, role: tuple[str, ...]) -> None:
    own = ("--num-cpus=1", "--object-store-memory=83886080", "--disable-usage-stats")
    ray = (sys.executable, "-m", "ray.scripts.scripts", "start", *role, *own)
    hide = 'mount -t tmpfs none "$1" && cd "$2" && shift 2 && exec "$@"'
    said = subprocess.run(
        [*UNSHARED, "sh", "-c", hide, "sh", hidden, checkout, *ray, "--node-ip-address=127.0.0.1"],
        env={
            **os.environ,
            "OF_TEST": str(checkout.parent),
            "PYTHONPATH": str(checkout),
            "XDG_CACHE_HOME": str(checkout / "home"),
            "OMP_NUM_THREADS": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STARTS_S,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def sweep(sender: Path, address: str, *overrides: str) -> tuple[int, str]:
    """Runs one in the sender's checkout; its exit code, and what it printed."""
    setup = (
        *("+experiment=smoke", "threads=1", "tracking=none", "fidelity.enabled=false"),
        *("launcher=ray", f"launcher.address={address}", f"hydra.sweep.dir={sender}/sweep"),
    )
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "-m", *setup, *overrides],
        cwd=sender,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=STARTS_S,
    )
    return done.returncode, done.stdout


def runs(sender: Path) -> list[RunDirectory]:
    sheet = json.loads((sender / "sweep" / "sweep.json").read_text())
    return [RunDirectory(sender / "sweep" / each["path"]) for each in sheet["jobs"]]


def test_what_jobs_read_is_brought_to_nodes_that_have_nothing(
    sender: Path, nodes: tuple[Path, Path], address: str, tiny_in: Callable[[Path], None]
) -> None:
    tiny_in(sender / "models")
    job = (
        *("engine=noop,noop", "repeat=0,1", "model=folder", "model.path=models/base"),
        *("adapters=folder", f"adapters.path={sender}/models/adapters"),
    )
    code, said = sweep(sender, address, *job)
    assert code == 0, said
    wanted = Checkpoint.open(sender / "models" / "base").fingerprint()
    for run in runs(sender):
        assert run.status().state is State.FINISHED
        assert run.json("environment.json")["hashes"]["model"] == wanted
    contents = [{*(node / "runs/.cache/inputs/contents").iterdir()} for node in nodes]
    assert [len(each) for each in contents] == [len(contents[0])] * 2

    (nodes[1] / "pipeline" / "run.py").open("a").write("# changed\n")
    code, said = sweep(sender, address, *job, "redo=all")
    assert code == 1
    causes = {run.status().cause for run in runs(sender)} - {None}
    assert causes and all("another program than the sender's" in str(each) for each in causes), said
