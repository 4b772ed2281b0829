"""Strings that end a text, looked for while it comes in pieces."""

from collections.abc import Sequence


class StopMatcher:
    """Lets a text through up to the stop string that is complete first, however it is cut.

    Of several that are complete at the same character the longest counts.

    Attributes:
        found: the one there was, after which nothing comes; None before.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._held = stops, ""
        self.found: str | None = None

    def add(self, piece: str) -> str:
        """What of the text can be shown: no part of it can become a stop string any more."""
        if not self._stops or self.found is not None:
            return piece if self.found is None else ""
        text, self._held = self._held + piece, ""
        places = [
            (at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0
        ]
        if places:
            _, at, self.found = min(places)
            return text[:at]
        kept = len(text) - max(_overlap(text, stop) for stop in self._stops)
        self._held = text[kept:]
        return text[:kept]

    def finish(self) -> str:
        """What was held back, for nothing comes any more."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of the text with which the stop string begins, at most all but one."""
    lengths = range(min(len(text), len(stop) - 1), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)
