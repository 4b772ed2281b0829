"""A request as it is being answered."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from pipeline.inference.request import Request


@dataclass(slots=True, eq=False)
class Sequence:
    """Prompt and output so far; engines add what the sequence holds while it runs.

    Attributes:
        request: what was asked.
        prompt: its token ids.
        output: ids generated so far.
    """

    request: Request
    prompt: list[int]
    output: list[int] = field(default_factory=list)

    @property
    def id(self) -> Hashable:
        """The request's."""
        return self.request.id

    @property
    def adapter(self) -> str | None:
        """Name of its adapter; None for the base model."""
        return self.request.adapter

    @property
    def positions(self) -> int:
        """Positions it can ever need."""
        return len(self.prompt) + self.request.max_new_tokens
