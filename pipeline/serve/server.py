"""The server's life: it listens, answers, and comes to an end when it is told to."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from pipeline.errors import UsageError
from pipeline.process.signals import Stopped, leave
from pipeline.serve.errors import ApiError, engine_failed, later
from pipeline.serve.patient_protocol import patient
from pipeline.serve.settings import ServeSettings

SIGNALS = (signal.SIGTERM, signal.SIGINT)
KEEP_ALIVE_S = 60
"""Seconds for which a connection stays open between requests."""
LINGER_S = 1.0
"""Seconds for which a server whose engine has failed says so, before it ends."""
AGAIN_S = 5
"""Seconds after which those may try again whose answers weren't finished."""
LAST_S = 5
"""Seconds that connections may take to close when all is answered."""
SWITCH_S = 5e-4
"""Seconds for which the engine's thread may keep the interpreter from the event loop's, which only
passes tokens on; Python's own ten times as many are felt in the time to the first token."""


def bound(settings: ServeSettings) -> socket.socket:
    """The socket to listen on; nobody is listened to yet.

    Raises:
        UsageError: the address can't be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP, or asyncio wouldn't know that its small packets are to be sent at once.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((settings.host, settings.port))
    except OSError as error:
        made.close()
        raise UsageError(
            f"serve.port={settings.port}: can't be had on {settings.host} ({error.strerror}); "
            "give another one, or 0 for any"
        ) from error
    return made


def url_of(at: socket.socket) -> str:
    """The address of a socket as a URL has it, where one of IPv6 stands in brackets."""
    host, port = at.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Behind(Protocol):
    """What answers the requests that a server takes.

    Attributes:
        settings: how it serves.
        stopping: why no more requests are taken; None while they are.
    """

    settings: ServeSettings
    stopping: str | None

    @property
    def error(self) -> BaseException | None:
        """Why it can't answer any more; None while it can."""

    def connect(self, failed: Callable[[], object]) -> None:
        """Begin to answer; `failed` is called, on any thread, when that can't be done any more."""

    async def idle(self) -> None:
        """Returns when no request is open."""

    def fail(self, error: ApiError) -> None:
        """End every open request."""


class HttpServer(uvicorn.Server):
    """Uvicorn's, but for signals, which are ours to mind."""

    def __init__(self, service: Behind, app: Callable[[Callable[[], int]], ASGIApp]) -> None:
        """Not yet listening.

        Args:
            service: what is behind it.
            app: makes its application, of a call that tells how many connections are open.
        """
        super().__init__(
            uvicorn.Config(
                app(lambda: len(self.server_state.connections)),
                lifespan="off",
                ws="none",
                http=patient(service.settings.read_seconds),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=LAST_S,
            )
        )
        self.service = service
        self._ending: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes none."""
        yield

    def end(self, why: str, seconds: float) -> None:
        """Take no more requests, let the open ones finish, then stop listening.

        Args:
            why: for those who ask meanwhile.
            seconds: after which those that are still open fail.
        """
        if self._ending is None:
            self.service.stopping = why
            self._ending = asyncio.ensure_future(self._end(why, seconds))

    def fail(self) -> None:
        """The engine is gone: every open request fails, and the server ends."""
        self.service.fail(engine_failed())
        asyncio.get_running_loop().call_later(LINGER_S, setattr, self, "should_exit", True)

    async def _end(self, why: str, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.service.idle(), seconds)
        except TimeoutError:
            self.service.fail(later(f"{why}, and there was no more time for this answer", AGAIN_S))
        self.should_exit = True


async def served(server: HttpServer, at: socket.socket) -> int:
    """Serve until told to stop, or until the engine fails; the exit code."""
    loop = asyncio.get_running_loop()
    service = server.service
    service.connect(lambda: loop.call_soon_threadsafe(server.fail))
    with closing(at):
        await server.serve(sockets=[at])
    return 1 if service.error is not None else 0


def minding_signals(server: HttpServer) -> None:
    """The first signal lets the server end, a second one ends the process."""
    loop = asyncio.get_running_loop()
    told = False

    def stop(number: int) -> None:
        nonlocal told
        if told:
            leave(Stopped(number))
        told = True
        server.end("the server is about to end", server.service.settings.drain_seconds)

    for each in SIGNALS:
        loop.add_signal_handler(each, stop, each)
