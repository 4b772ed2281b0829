"""What an engine tells of a request, each with its stamp: `time.perf_counter` seconds."""

from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why a request has ended: an end token or a stop string; its length; or it was ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The engine began to work on a request."""

    request_id: int
    at: float


@dataclass(frozen=True, slots=True)
class Token:
    """One output token was available to the caller."""

    request_id: int
    at: float
    token_id: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A request is done: its last token, or its error, was available at `at`."""

    request_id: int
    at: float
    text: str | None = None
    error: str | None = None


Event = Admitted | Token | Finished
