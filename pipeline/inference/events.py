"""What an engine tells of a request, each with its stamp: `time.perf_counter` seconds."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

UNKNOWN = -1
"""Stands for the id of a token that was counted, and of which nobody says which it was."""


class FinishReason(StrEnum):
    """Why a request has ended: an end token or a stop string; its length; or it was ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The engine began to work on a request."""

    request_id: Hashable
    at: float


@dataclass(frozen=True, slots=True)
class PromptScored:
    """The model has read all of a prompt; told before the first token, if it was asked for.

    Attributes:
        request_id: whose.
        at: when.
        logprobs: log-probabilities of each of its tokens and of the likeliest others there, by
            token id; None for the first, before which the model says nothing.
    """

    request_id: Hashable
    at: float
    logprobs: Sequence[Mapping[int, float] | None]


@dataclass(frozen=True, slots=True)
class Token:
    """One output token was available to the caller.

    Attributes:
        request_id: whose.
        at: when.
        token_id: which; `UNKNOWN` where a server counted it and didn't say.
        text: what it adds to the text, whole characters alone; None unless it was asked for.
        logprobs: log-probabilities of it and of the likeliest others, by token id; None unless they
            were asked for.
    """

    request_id: Hashable
    at: float
    token_id: int
    text: str | None = None
    logprobs: Mapping[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A request is done: its last token, or its error, was available at `at`.

    Attributes:
        request_id: whose.
        at: when.
        reason: why.
        text: all of it, cut at a stop string; None where it was asked by token ids, without a stop
            string or a stream of text.
        error: what went wrong, in one line; None where nothing did.
        stopped_by: the request's own stop string, or token of its `stop_ids`, that ended it; None
            where another did, or nobody says.
        adapter_unknown: whether it failed because its adapter isn't served, or isn't any more.
    """

    request_id: Hashable
    at: float
    reason: FinishReason
    text: str | None = None
    error: str | None = None
    stopped_by: str | int | None = None
    adapter_unknown: bool = False

    @classmethod
    def unserved(cls, request_id: Hashable, at: float, error: str) -> "Finished":
        """The end of a request whose adapter isn't there; one removed since it was asked, say."""
        return cls(request_id, at, FinishReason.ERROR, error=error, adapter_unknown=True)

    @classmethod
    def failed(cls, request_id: Hashable, at: float, error: str) -> "Finished":
        """The end of a request that can't be answered, or not any further."""
        return cls(request_id, at, FinishReason.ERROR, error=error)

    @classmethod
    def cancelled(cls, request_id: Hashable, at: float) -> "Finished":
        """The end of a request that was ended before its time."""
        return cls(request_id, at, FinishReason.CANCELLED, error="cancelled")


Event = Admitted | PromptScored | Token | Finished
