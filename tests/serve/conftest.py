"""A server on model=tiny with its adapters, in this process, for all tests that leave it be."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import httpx2
import pytest

from pipeline.serve.build import load
from pipeline.serve.config import composed
from pipeline.serve.server import HttpServer, bound, served
from pipeline.serve.service import Service


@dataclass
class Running:
    """A server that runs on a thread of its own.

    Attributes:
        url: of its root.
        client: speaks to it.
        service: its insides.
        server: itself.
        events: its event loop.
    """

    url: str
    client: httpx2.Client
    service: Service
    server: HttpServer
    events: asyncio.AbstractEventLoop


@contextmanager
def running(*overrides: str, cache) -> Iterator[Running]:
    """A server of its own: `with running("engine=llama_cpp", cache=cache) as server`."""
    usual = ("threads=1", "serve.port=0", f"paths.cache={cache}", *overrides)
    config = composed([each for each in usual if each])
    made, at, ready, found = load(config), bound(config.serve), Event(), {}

    async def main() -> None:
        found["loop"] = asyncio.get_running_loop()
        found["server"] = HttpServer(made.service(found["loop"]))
        serving = asyncio.ensure_future(served(found["server"], at))
        while not found["server"].started:
            await asyncio.sleep(0.01)
        ready.set()
        await serving

    thread = Thread(target=asyncio.run, args=(main(),), daemon=True)
    port = at.getsockname()[1]
    thread.start()
    assert ready.wait(60)
    url = f"http://127.0.0.1:{port}"
    server, loop = found["server"], found["loop"]
    try:
        with httpx2.Client(base_url=url, timeout=60) as client:
            yield Running(url, client, server.service, server, loop)
    finally:
        server.should_exit = True
        thread.join(30)
        made.loop.stop()


@pytest.fixture(scope="session")
def server(cache) -> Iterator[Running]:
    """multilora in fp32 with the adapters of model=tiny."""
    with running(cache=cache) as started:
        yield started


@pytest.fixture(scope="session")
def client(server) -> httpx2.Client:
    """Speaks to it."""
    return server.client
