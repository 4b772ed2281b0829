"""A real PostgreSQL of the tests' own, where one is installed."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipeline.machine.free_port import free_port
from pipeline.tracking.optional import PSYCOPG
from tests.waiting import until

OWNER = "postgres" if os.geteuid() == 0 else None
"""PostgreSQL doesn't run as root."""


@dataclass
class Postgres:
    """A cluster that can be stopped, killed, frozen and started again at the same address."""

    programs: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        return f"postgresql://lab@127.0.0.1:{self.port}"

    def make(self) -> None:
        if OWNER:
            shutil.chown(self.folder, OWNER)
        settings = ["--auth=trust", "--username=lab", "--no-sync", "--encoding=UTF8"]
        self._run("initdb", "-D", str(self.folder / "data"), *settings)

    def start(self) -> None:
        fast = [f"-c{each}" for each in ("fsync=off", "listen_addresses=127.0.0.1")]
        where = ["-D", str(self.folder / "data"), "-k", str(self.folder), "-p", str(self.port)]
        command = [str(self.programs / "postgres"), *where, *fast]
        with (self.folder / "log").open("ab") as log:
            started = subprocess.Popen(command, user=OWNER, stdout=log, stderr=log)
        self.process = started
        until(self._accepts, can=lambda: started.poll() is None)

    def signal(self, number: signal.Signals) -> None:
        """To the server and all its processes."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in [self.process.pid, *map(int, children.read_text().split())]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """At once, as a machine that is restarted does."""
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None

    def database(self, name: str, template: str = "template0") -> str:
        """A new database, or a copy of `template`; its address."""
        self.says(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"{self.server}/{name}"

    def says(self, statement: str, database: str = "postgres") -> str:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "lab", "-d", database]
        return self._run("psql", *where, "-Atqc", statement).strip()

    def _accepts(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        ready = [str(self.programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, stdout=subprocess.DEVNULL, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command, user=OWNER, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A running server; skipped where there is none, with what installs it."""
    found = sorted(glob("/usr/lib/postgresql/*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL isn't installed: apt-get install postgresql")
    if find_spec("psycopg") is None:
        pytest.skip(f"its driver isn't installed: {PSYCOPG.install}")
    port = free_port()
    folder = Path(f"/tmp/pg{port}")  # the socket's path must be short, and open to its owner
    folder.mkdir()
    server = Postgres(Path(found[-1]).parent, folder, port)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
