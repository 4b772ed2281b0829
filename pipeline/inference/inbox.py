"""What other threads ask of an engine, until its own thread takes it."""

from collections.abc import Hashable, Iterable
from threading import Condition

from pipeline.errors import UsageError, shown
from pipeline.inference.request import Request


class Inbox:
    """Submissions and cancellations; every method may be called from any thread.

    It also knows which requests are in flight: from when they are submitted until their end has
    been told.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._submitted: list[Request] = []
        self._cancelled: list[Hashable] = []
        self._in_flight: set[Hashable] = set()
        self._news = False

    @property
    def in_flight(self) -> int:
        """Requests whose end hasn't been told."""
        return len(self._in_flight)

    def submit(self, request: Request) -> None:
        """Put a request at the end of the queue.

        Raises:
            UsageError: another with its id is in flight.
        """
        with self._condition:
            if request.id in self._in_flight:
                raise UsageError(
                    f"request {shown(request.id)}: another with this id is in flight; give each "
                    "an id of its own"
                )
            self._in_flight.add(request.id)
            self._submitted.append(request)
            self._wake()

    def cancel(self, request_id: Hashable) -> bool:
        """Ask for the end of a request; whether it is in flight."""
        with self._condition:
            if request_id not in self._in_flight:
                return False
            self._cancelled.append(request_id)
            self._wake()
            return True

    def take(self) -> tuple[list[Request], list[Hashable]]:
        """What was submitted and what was cancelled since the last time, each in its order."""
        with self._condition:
            taken = self._submitted, self._cancelled
            self._submitted, self._cancelled, self._news = [], [], False
            return taken

    def is_cancelled(self, request_id: Hashable) -> bool:
        """Whether its end has been asked for since the last time that something was taken."""
        with self._condition:
            return request_id in self._cancelled

    def end(self, request_ids: Iterable[Hashable]) -> None:
        """The ends of those requests are told now, so that their ids are free again."""
        with self._condition:
            ended = {*request_ids}
            self._in_flight -= ended
            self._cancelled = [each for each in self._cancelled if each not in ended]

    def wake(self) -> None:
        """There is something to do: a wait that goes on ends, or else the next one at once."""
        with self._condition:
            self._wake()

    def wait(self, seconds: float | None) -> bool:
        """Sleep until there is something to do.

        Args:
            seconds: how long at most; None for no limit.

        Returns:
            Whether there is something.
        """
        with self._condition:
            return self._condition.wait_for(lambda: self._news, seconds)

    def _wake(self) -> None:
        self._news = True
        self._condition.notify_all()
