"""How many requests may wait, in all and by adapter: more are told to come again."""

from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

from pipeline.inference.request import Request
from pipeline.serve.errors import ApiError, later
from pipeline.serve.progress import Progress

SOON_S, LATE_S = 1, 60
"""Seconds after which to come again, at least and at most."""


class Admission:
    """Counts the open requests; for the thread of the event loop.

    Attributes:
        waiting: those on which the engine hasn't begun to work, as far as it has told.
        by_adapter: open requests by adapter; None is the base model.
        usual_s: seconds that a request took lately, for who is told to come again.
    """

    def __init__(self, most_waiting: int, most_of_adapter: int | None) -> None:
        """Nothing is open.

        Args:
            most_waiting: requests that may wait.
            most_of_adapter: requests for one adapter that may be open; None for no limit.
        """
        self._most_waiting, self._most_of_adapter = most_waiting, most_of_adapter
        self.waiting = 0
        self.by_adapter: Counter[str | None] = Counter()
        self.usual_s = float(SOON_S)

    def check(self, requests: Sequence[Request]) -> None:
        """Whether some more may come, all of them or none.

        Raises:
            ApiError: that would be too many.
        """
        count, adapter = len(requests), requests[0].adapter
        self._check(count, self.waiting, self._most_waiting, "serve.max_waiting")
        if self._most_of_adapter is not None:
            limit = self._most_of_adapter
            self._check(count, self.by_adapter[adapter], limit, "serve.max_per_adapter")

    def comes(self, request: Request) -> None:
        """One waits from now on."""
        self.waiting += 1
        self.by_adapter[request.adapter] += 1

    def begins(self) -> None:
        """One waits no more."""
        self.waiting -= 1

    def ends(self, request: Request, progress: Progress, at: float | None = None) -> None:
        """One is open no more.

        Args:
            request: which.
            progress: how far it had come.
            at: its end; None where that was none of its own.
        """
        self.waiting -= progress.admitted is None
        self.by_adapter[request.adapter] -= 1
        if not self.by_adapter[request.adapter]:
            del self.by_adapter[request.adapter]
        if at is not None:
            self.usual_s += (at - progress.submitted - self.usual_s) / 8

    def _check(self, count: int, open_: int, most: int, setting: str) -> None:
        if count > most:
            raise ApiError(
                f"these are {count} requests at once, and {setting}={most} are the most that may "
                "be open; ask for fewer"
            )
        if open_ + count > most:
            after = round(min(max(self.usual_s, SOON_S), LATE_S))
            raise later(
                f"too many requests are open ({setting}={most}); come again in {after} s",
                after,
                HTTPStatus.TOO_MANY_REQUESTS,
            )
