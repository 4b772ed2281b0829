"""What becomes of requests, from the engine's thread to the client that waits for them."""

import asyncio
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter

from pipeline.errors import UsageError
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished
from pipeline.inference.request import Request
from pipeline.serve.admission import Admission
from pipeline.serve.answering import Answering
from pipeline.serve.errors import ApiError
from pipeline.serve.metrics.traffic import ABORT, ERROR, Traffic
from pipeline.serve.progress import Progress


@dataclass(slots=True, eq=False)
class InFlight:
    """A request whose end hasn't been told.

    Attributes:
        request: what was asked.
        answering: who waits for it.
        progress: how far it has come.
    """

    request: Request
    answering: Answering
    progress: Progress


class Desk:
    """Knows who waits for which request; all but `hand_over` is for the event loop's thread."""

    def __init__(
        self,
        engine: Engine,
        loop: asyncio.AbstractEventLoop,
        traffic: Traffic,
        admission: Admission,
    ) -> None:
        self._engine, self._loop = engine, loop
        self.traffic, self.admission = traffic, admission
        self._open: dict[Hashable, InFlight] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def open(self) -> Mapping[Hashable, InFlight]:
        """The requests whose end hasn't been told, by their ids."""
        return self._open

    async def idle(self) -> None:
        """Returns when there is none."""
        await self._idle.wait()

    @contextmanager
    def answering(self, requests: Sequence[Request]) -> Iterator[Answering]:
        """Ask the engine; whatever is still open when the block is left is cancelled.

        Raises:
            ApiError: there are too many, or the engine refuses one of them.
        """
        answering = Answering()
        self.admission.check(requests)
        try:
            for each in requests:
                self._submit(each, answering)
            yield answering
        finally:
            for each in requests:
                if (left := self._open.pop(each.id, None)) is not None:
                    self._engine.cancel(each.id)
                    self.traffic.end(each, ABORT)
                    self.admission.ends(each, left.progress)
            self._settle()

    def _submit(self, request: Request, answering: Answering) -> None:
        waiting = InFlight(request, answering, Progress(perf_counter()))
        self._open[request.id] = waiting
        self._idle.clear()
        try:
            self._engine.submit(request)
        except UsageError as error:
            del self._open[request.id]
            raise ApiError(str(error)) from error
        self.admission.comes(request)
        answering.progress.append(waiting.progress)

    def hand_over(self, events: list[Event]) -> None:
        """Take what a step told, from the engine's thread."""
        with suppress(RuntimeError):  # The event loop has ended, and with it all who waited.
            self._loop.call_soon_threadsafe(self._deal, events)

    def fail(self, error: ApiError) -> None:
        """End every open request."""
        for each in self._open.values():
            each.answering.fail(error)
            self.traffic.end(each.request, ERROR)
            self.admission.ends(each.request, each.progress)
            self._engine.cancel(each.request.id)
        self._open.clear()
        self._settle()

    def _deal(self, events: list[Event]) -> None:
        for event in events:
            waiting = self._open.get(event.request_id)
            if waiting is None:  # Its client is gone.
                continue
            if isinstance(event, Admitted):
                self.admission.begins()
            elif isinstance(event, Finished):
                del self._open[event.request_id]
                self.admission.ends(waiting.request, waiting.progress, event.at)
            waiting.answering.tell(event)
            self.traffic.hear(waiting.request, waiting.progress, event)
        self.traffic.step_ends()
        self._settle()

    def _settle(self) -> None:
        if not self._open:
            self._idle.set()
