"""How far one request has come, as whoever serves it sees."""

from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """How far a request has come, in `time.perf_counter` seconds.

    Attributes:
        submitted: when it was handed to the engine.
        admitted: when work on it began; None while it waits.
        first: when its first token was there.
        last: when its newest token was there.
        tokens: so far.
    """

    submitted: float
    admitted: float | None = None
    first: float | None = None
    last: float = 0.0
    tokens: int = 0
