"""What has come for a client that hasn't taken it yet: events of the requests it waits for."""

import asyncio

from pipeline.inference.events import Event
from pipeline.serve.errors import ApiError
from pipeline.serve.progress import Progress


class Answering:
    """The events of the requests that one client waits for, as they come.

    What a client doesn't take is kept, which is bounded: by a token's event, some hundred bytes,
    for each token that was asked for. So a slow reader costs memory that its own request allows
    it, and never waits in anyone's way.

    Attributes:
        progress: how far each of them has come.
    """

    __slots__ = ("_error", "_events", "_news", "progress")

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._error: ApiError | None = None

    def tell(self, event: Event) -> None:
        """One more."""
        self._events.append(event)
        self._news.set()

    def fail(self, error: ApiError) -> None:
        """Nothing comes any more, for this reason."""
        self._error = error
        self._news.set()

    async def news(self) -> list[Event]:
        """All events since the last time, at least one.

        Raises:
            ApiError: there won't be any more.
        """
        await self._news.wait()
        self._news.clear()
        taken, self._events = self._events, []
        if self._error is not None and not taken:
            self._news.set()
            raise self._error
        if self._error is not None:
            self._news.set()
        return taken
