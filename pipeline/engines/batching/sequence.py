"""A request as it is being answered."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from pipeline.engines.batching.adapter_registry import Lease
from pipeline.inference.answer import Answer
from pipeline.inference.request import Request


@dataclass(slots=True, eq=False)
class Sequence:
    """Prompt and output so far; engines add what the sequence holds while it runs.

    Attributes:
        request: what was asked.
        prompt: its token ids.
        output: ids generated so far.
        lease: its claim to its adapter.
        answer: what they come to; None before the first.
        admitted: it was told that work on it has begun.
    """

    request: Request
    prompt: list[int]
    output: list[int] = field(default_factory=list)
    lease: Lease[Any] = field(default_factory=Lease)
    answer: Answer | None = None
    admitted: bool = False

    @property
    def id(self) -> Hashable:
        """The request's."""
        return self.request.id

    @property
    def adapter(self) -> str | None:
        """Name of its adapter; None for the base model."""
        return self.request.adapter

    @property
    def group(self) -> Hashable:
        """What it has in common with those that can be computed with it under one adapter."""
        return self.adapter, self.lease.adapter

    @property
    def stopped_by(self) -> str | int | None:
        """What of the request's own ended it, as `Answer` has it."""
        return None if self.answer is None else self.answer.stopped_by

    @property
    def positions(self) -> int:
        """Positions it can ever need."""
        return len(self.prompt) + self.request.max_new_tokens
