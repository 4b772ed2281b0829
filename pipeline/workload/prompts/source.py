"""The contract of a source of prompts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.prompts.conversation import Message

Encode = Callable[[str], Sequence[int]]
"""Token ids of a text."""

ADAPTER, MAX_TOKENS = "adapter", "max_tokens"
"""What a prompt may say of its request beside the words, by the names that rows of files have."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request says, and what else its source says of the request.

    Attributes:
        text: the words.
        where: where it stands, for messages.
        ids: the words as token ids; None leaves that to the tokenizer.
        adapter: name of the adapter it asks for; None leaves that to the law of popularity.
        max_tokens: how many tokens it asks for; None leaves that to the law of lengths.
        before: what was said before it in its conversation.
        chat: whether it is a turn of a conversation, so that it needs the chat template.
        answer: what its source has for an answer.
        follows: number of the request that is the turn before it; None for a first turn.
    """

    text: str
    where: str = ""
    ids: tuple[int, ...] | None = None
    adapter: str | None = None
    max_tokens: int | None = None
    before: tuple[Message, ...] = ()
    chat: bool = False
    answer: str | None = None
    follows: int | None = None


@dataclass(frozen=True, slots=True)
class Dealt:
    """A prompt a request, and what a reader should know of them, a line each."""

    prompts: list[Prompt]
    notes: tuple[str, ...] = ()


class Prompts(ABC):
    """Says what the requests say."""

    name: str

    @property
    def random(self) -> bool:
        """Whether chance has a part in it, so that its seed changes anything."""
        return True

    @abstractmethod
    def deal(
        self, adapters: Sequence[int], rng: Random, encode: Encode, bounds: Bounds = ANY
    ) -> Dealt:
        """A prompt a request.

        Args:
            adapters: which adapter the law of popularity gave each request, for sources that care.
            rng: where chance comes from.
            encode: the model's tokenizer, for sources that count tokens.
            bounds: how long prompts may be.

        Raises:
            UsageError: a prompt is no text, or the model has no room for it.
        """

    def draw_for(self, adapters: Sequence[int], rng: Random, encode: Encode) -> list[str]:
        """The words alone."""
        return [prompt.text for prompt in self.deal(adapters, rng, encode).prompts]

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """The words of `count` prompts, where adapters don't matter."""
        return self.draw_for([0] * count, rng, encode)

    def explicit(self) -> Sequence[Prompt]:
        """Those of its prompts that say more than words."""
        return ()

    def decided(self) -> frozenset[str]:
        """What every one of its prompts says itself: `adapter`, `max_tokens`."""
        return frozenset()

    def chats(self) -> bool:
        """Whether some of its prompts are turns of a conversation."""
        return False

    def continues(self) -> bool:
        """Whether some of its prompts come after others of a user in their conversation."""
        return False

    @property
    def waits_for_answers(self) -> bool:
        """Whether a conversation's turns are asked one after the other, each answered first."""
        return False

    def check(self) -> None:  # noqa: B027
        """Raise UsageError if it can't be drawn from, before anything heavy starts."""
