"""A server on model=tiny with its adapters, in this process, for all tests that leave it be."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import httpx2
import pytest

from pipeline.engines.settings import Serving
from pipeline.inference.events import Finished, Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.serve.build import load
from pipeline.serve.config import composed
from pipeline.serve.server import HttpServer, bound, served
from pipeline.serve.service import Service
from tests.waiting import PATIENCE_S


@dataclass
class Running:
    """A server that runs on a thread of its own.

    Attributes:
        url: of its root.
        client: speaks to it.
        service: its insides.
        server: itself.
        events: its event loop.
        thread: on which it runs.
        codes: its exit code, once it has ended.
    """

    url: str
    client: httpx2.Client
    service: Service
    server: HttpServer
    events: asyncio.AbstractEventLoop
    thread: Thread
    codes: list[int]


@contextmanager
def running(*overrides: str, cache) -> Iterator[Running]:
    """A server of its own: `with running("engine=llama_cpp", cache=cache) as server`."""
    usual = ("threads=1", "serve.port=0", f"paths.cache={cache}", *overrides)
    config = composed([each for each in usual if each])
    made, at, ready, found = load(config), bound(config.serve), Event(), {}
    codes: list[int] = []

    async def main() -> None:
        found["loop"] = asyncio.get_running_loop()
        found["server"] = made.server()
        serving = asyncio.ensure_future(served(found["server"], at))
        while not found["server"].started:
            await asyncio.sleep(0.01)
        ready.set()
        codes.append(await serving)

    thread = Thread(target=asyncio.run, args=(main(),), daemon=True)
    port = at.getsockname()[1]
    thread.start()
    assert ready.wait(PATIENCE_S)
    url = f"http://127.0.0.1:{port}"
    server, loop = found["server"], found["loop"]
    try:
        with httpx2.Client(base_url=url, timeout=PATIENCE_S) as client:
            yield Running(url, client, server.service, server, loop, thread, codes)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        made.close()


TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'never' %}"
    "{{ raise_exception('nobody is called never') }}{% endif %}"
    "{% if message['content'] == 'for ever' %}{% for a in range(10**5) %}"
    "{% for b in range(10**5) %}{% endfor %}{% endfor %}{% endif %}"
    "{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
"""What model=tiny lacks."""


@pytest.fixture(scope="session")
def server(cache, tmp_path_factory) -> Iterator[Running]:
    """multilora in fp32 with the adapters of model=tiny."""
    template = tmp_path_factory.mktemp("template") / "chat.jinja"
    template.write_text(TEMPLATE)
    with running(f"serve.chat_template={template}", cache=cache) as started:
        yield started


@pytest.fixture(scope="session")
def repeating(cache) -> Iterator[Running]:
    """Of engine=noop, which answers with the tokens of the prompt, one after the other."""
    with running("engine=noop", cache=cache) as started:
        yield started


@pytest.fixture(scope="session")
def offline(cache) -> Iterator[Callable[..., tuple[list[int], Finished]]]:
    """What the same engine answers without a server: token ids, and the end."""
    config = composed(["threads=1", f"paths.cache={cache}"])
    checkpoint = config.model.checkpoint()
    adapters = {each.name: each for each in config.adapters.adapters(checkpoint.config)}

    with config.engine.build(Serving(checkpoint, adapters, 1)) as engine:

        def answered(adapter, prompt, **sampling):
            engine.submit(Request(0, adapter, prompt, sampling=SamplingParams(**sampling)))
            events = []
            while engine.busy:
                engine.wait()
                events += engine.step()
            return [each.token_id for each in events if isinstance(each, Token)], events[-1]

        yield answered


@pytest.fixture(scope="session")
def client(server) -> httpx2.Client:
    """Speaks to it."""
    return server.client
