"""The engine's own thread: it steps, and hands over what each step tells, once a step."""

import logging
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event as Signal
from threading import Thread
from time import perf_counter, sleep

from pipeline.inference.engine import Engine
from pipeline.inference.events import Event, Finished, Token
from pipeline.inference.occupancy import Occupancy

_log = logging.getLogger(__name__)

FRESH_S = 0.25
"""Seconds after which it is looked anew what a busy engine holds."""
YIELD_S = 1e-4
"""Seconds for which the engine's thread sleeps when a request's first token has been handed over.
Else it keeps the interpreter to plan the next step, and whoever sends that token on waits."""


class EngineLoop:
    """Loads an engine, steps it until told to stop, and frees it, all on one thread.

    Knows nothing of HTTP or of event loops: what the engine tells is handed over by a call that
    must not take long, because the engine waits for it.

    Attributes:
        engine: whose `submit`, `cancel`, `add_adapter` and `remove_adapter` any thread may call.
        occupancy: what the engine held not long ago, and when it last came to rest.
        error: what ended the thread before its time; None while all is well.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.occupancy = Occupancy(0.0, 0)
        self.error: BaseException | None = None
        self._hand_over: Callable[[list[Event]], None] = lambda events: None
        self._failed: Callable[[], object] = lambda: None
        self._loaded, self._stopping = Signal(), False
        self._awaited: SimpleQueue[Future[None]] = SimpleQueue()
        self._begun: set[Hashable] = set()
        self._thread = Thread(target=self._run, name="engine", daemon=True)

    def load(self) -> None:
        """Start the thread; returns once the engine is loaded.

        Raises:
            BaseException: what loading raised.
        """
        self._thread.start()
        self._loaded.wait()
        if self.error is not None:
            raise self.error

    def connect(
        self,
        hand_over: Callable[[list[Event]], None],
        failed: Callable[[], object],
    ) -> None:
        """Say who is told, on the engine's thread; before the first request comes.

        Args:
            hand_over: called once a step with all of its events, if it has any.
            failed: called when `error` has ended the thread.
        """
        self._hand_over, self._failed = hand_over, failed

    @property
    def is_alive(self) -> bool:
        """Whether requests can be answered."""
        return self._thread.is_alive() and self.error is None

    def next_step(self) -> "Future[None]":
        """Done when a step has ended that begins after this call; cancelled where none will.

        It has taken in all that was submitted before.
        """
        future: Future[None] = Future()
        self._awaited.put(future)
        self.engine.inbox.wake()
        if not self.is_alive:
            self._cancel_awaited()
        return future

    def stop(self, seconds: float = 10) -> None:
        """End the thread after its step, and free the engine; waits at most so long."""
        self._stopping = True
        self.engine.inbox.wake()
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            with self.engine:
                self.occupancy = self.engine.occupancy
                self._loaded.set()
                self._steps()
        except BaseException as error:
            self.error = error
            if self._loaded.is_set():
                _log.critical("the engine failed", exc_info=True)
                self._failed()
        finally:
            self._loaded.set()
            self._cancel_awaited()

    def _steps(self) -> None:
        engine = self.engine
        while not self._stopping:
            engine.wait()
            awaited = self._taken()
            events = engine.step()
            if not engine.busy or perf_counter() - self.occupancy.at > FRESH_S:
                self.occupancy = engine.occupancy
            if events:
                self._hand_over(events)
                if self._begin(events):
                    sleep(YIELD_S)
            for each in awaited:
                if each.set_running_or_notify_cancel():
                    each.set_result(None)

    def _begin(self, events: list[Event]) -> bool:
        """Whether a request's first token is among these; those that have one are remembered."""
        have = {each.request_id for each in events if isinstance(each, Token)}
        new = have - self._begun
        self._begun |= new
        self._begun -= {each.request_id for each in events if isinstance(each, Finished)}
        return bool(new)

    def _taken(self) -> list[Future[None]]:
        """Those who wait for a step that begins now."""
        taken = []
        with suppress(Empty):
            while True:
                taken.append(self._awaited.get_nowait())
        return taken

    def _cancel_awaited(self) -> None:
        for each in self._taken():
            each.cancel()
