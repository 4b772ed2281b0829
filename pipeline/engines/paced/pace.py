"""Lets things last as long as they are said to, though every sleep ends late."""

import logging
from time import perf_counter, sleep

MOST_BEHIND_S = 0.25
"""Seconds that may be made up for; what a busier machine takes is lost, and told."""

_log = logging.getLogger(__name__)


class Pace:
    """One thing after another, each due when the one before was due and its own seconds are over.

    So what a sleep is too long, the next one is shorter, and work done between two of them counts.

    Attributes:
        lost_s: seconds that it is late in all, for want of a processor.
    """

    def __init__(self) -> None:
        self._due: float | None = None
        self.lost_s = 0.0

    def rest(self) -> None:
        """There is nothing to be paced: what comes next begins when it comes."""
        self._due = None

    def last(self, seconds: float) -> None:
        """Return when so many seconds are over since the last thing was due, or since now."""
        now = perf_counter()
        due = (now if self._due is None else self._due) + seconds
        if due < now - MOST_BEHIND_S:
            self._lose(now - due)
            due = now
        self._due = due
        sleep(max(0.0, due - now))

    def _lose(self, seconds: float) -> None:
        if not self.lost_s:
            _log.warning("the machine is too busy to keep pace: times are longer than they should")
        self.lost_s += seconds
