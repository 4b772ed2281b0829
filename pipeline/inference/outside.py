"""What an engine takes of a machine outside the process that steps it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outside:
    """Of processes that compute for an engine, since the first of them started.

    Each is None where nobody can tell, as of a server that somebody else started.

    Attributes:
        cpu_seconds: processor time, user and system, of all of them.
        waited_seconds: time that their threads could have run and had no processor.
        peak_rss_bytes: most resident memory of all of them together.
    """

    cpu_seconds: float | None = None
    waited_seconds: float | None = None
    peak_rss_bytes: int | None = None

    def since(self, before: "Outside") -> "Outside":
        """What has been taken meanwhile; the peak stays what it is."""
        return Outside(
            _difference(self.cpu_seconds, before.cpu_seconds),
            _difference(self.waited_seconds, before.waited_seconds),
            self.peak_rss_bytes,
        )


NOTHING = Outside(0.0, 0.0, 0)
"""Of an engine that computes in the process that steps it."""


def _difference(now: float | None, before: float | None) -> float | None:
    """Never below zero: of threads that have ended nothing is known any more."""
    return None if now is None or before is None else max(0.0, now - before)
