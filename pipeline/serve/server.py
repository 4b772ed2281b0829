"""The server's life: it listens, answers, and comes to an end when it is told to."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn

from pipeline.errors import UsageError
from pipeline.process.signals import Stopped, leave
from pipeline.serve.app import app_of
from pipeline.serve.errors import engine_failed, later
from pipeline.serve.patient_protocol import patient
from pipeline.serve.service import Service
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


class HttpServer(uvicorn.Server):
    """Uvicorn's, but for signals, which are ours to mind."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            uvicorn.Config(
                app_of(service, lambda: len(self.server_state.connections)),
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
        self.service.desk.fail(engine_failed())
        asyncio.get_running_loop().call_later(LINGER_S, setattr, self, "should_exit", True)

    async def _end(self, why: str, seconds: float) -> None:
        desk = self.service.desk
        try:
            await asyncio.wait_for(desk.idle(), seconds)
        except TimeoutError:
            desk.fail(later(f"{why}, and there was no more time for this answer", AGAIN_S))
        self.should_exit = True


async def served(server: HttpServer, at: socket.socket) -> int:
    """Serve until told to stop, or until the engine fails; the exit code."""
    loop = asyncio.get_running_loop()
    service = server.service
    service.loop.connect(service.desk.hand_over, lambda: loop.call_soon_threadsafe(server.fail))
    with closing(at):
        await server.serve(sockets=[at])
    return 1 if service.loop.error is not None else 0


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
