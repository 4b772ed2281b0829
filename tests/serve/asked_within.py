"""`python -m pipeline.serve`, but that its engine is asked from within its process, too.

    python -m tests.serve.asked_within SOCKET OVERRIDE…

So HTTP is measured against the very engine that is behind it: two copies of a model differ by
where their weights lie in memory. Whoever connects to the Unix socket sends an inference request,
one at a time, and gets the seconds until its first token was told.
"""

import sys
from collections.abc import Callable
from multiprocessing.connection import Listener
from queue import SimpleQueue
from threading import Thread
from time import perf_counter

from pipeline.inference.engine import Engine
from pipeline.inference.events import Event, Finished, Token
from pipeline.process.signals import command
from pipeline.serve.__main__ import main
from pipeline.serve.service import Service


class AskedWithin:
    """Stands between an engine and the desk, and keeps what is told of its own requests."""

    def __init__(self, engine: Engine, desk: Callable[[list[Event]], None], at: str) -> None:
        self._engine, self._desk = engine, desk
        self._told: SimpleQueue[tuple[Event, float]] = SimpleQueue()
        self._listener = Listener(at)

    def hand_over(self, events: list[Event]) -> None:
        """On the engine's thread."""
        now = perf_counter()
        for each in events:
            if isinstance(each, Token | Finished) and isinstance(each.request_id, int):
                self._told.put((each, now))
        self._desk(events)

    def answer(self) -> None:
        """Until whoever asks goes away."""
        with self._listener, self._listener.accept() as asking:
            while True:
                try:
                    request = asking.recv()
                except EOFError:
                    return
                began = perf_counter()
                self._engine.submit(request)
                told = [self._told.get()]
                while not isinstance(told[-1][0], Finished):
                    told.append(self._told.get())
                asking.send(told[0][1] - began)


def served(arguments: list[str]) -> int:
    """The server; its exit code."""

    def connect(service: Service, failed: Callable[[], object]) -> None:
        within = AskedWithin(service.loop.engine, service.desk.hand_over, arguments[0])
        Thread(target=within.answer, daemon=True).start()
        service.loop.connect(within.hand_over, failed)

    Service.connect = connect  # type: ignore[method-assign]
    return main(arguments[1:])


if __name__ == "__main__":
    command(lambda: served(sys.argv[1:]))
