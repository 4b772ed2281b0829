"""What is asked of an engine: a prompt, for an adapter, and how its tokens are to be chosen."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from pipeline.errors import UsageError, shown
from pipeline.inference.constraint import Constraint
from pipeline.inference.sampling_params import SamplingParams


@dataclass(frozen=True, slots=True)
class Request:
    """What one user asks an engine for.

    It is asked by text or by token ids, and answered likewise: where there is text the engine
    tokenises it, and answers with text too, as a server must; where there are ids alone it does
    neither.

    Attributes:
        id: told back with every event; no two requests in flight have the same.
        adapter: name of the LoRA adapter, or None for the base model.
        prompt: the text; None where the ids are what is asked.
        prompt_ids: the token ids; they say nothing beside a text.
        sampling: how its tokens are chosen.
        stream: tell with every token what it adds to the text.
        constraint: what its tokens are chosen from; None for all. It is this request's alone, and
            ends with it.
        draws: which of a seed's draws are its own; None takes those that go with its id.

    Raises:
        UsageError: it has neither a text nor ids.
    """

    id: Hashable
    adapter: str | None
    prompt: str | None = None
    prompt_ids: tuple[int, ...] | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    stream: bool = False
    constraint: Constraint | None = None
    draws: Hashable | None = None

    def __post_init__(self) -> None:
        if self.prompt is None and self.prompt_ids is None:
            raise UsageError(f"request {shown(self.id)}: has neither a text nor token ids")

    @property
    def max_new_tokens(self) -> int:
        """Most tokens to generate."""
        return self.sampling.max_new_tokens
