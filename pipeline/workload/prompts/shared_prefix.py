"""A system prompt in front of every prompt, shared by all requests or by those of an adapter."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Literal

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.bounds import ANY, Bounds
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Dealt, Encode, Prompt, Prompts
from pipeline.workload.ranges import Tokens

BREAK = "\n"
"""Between the prefix and the prompt."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SharedPrefix(Prompts):
    """Settings of `workload/prompts=shared_prefix`.

    Attributes:
        name: what the user typed.
        base: where the prompts behind the prefix come from.
        tokens: length of the prefix.
        shared_by: those who share one: all requests, or those that name the same adapter.
    """

    name: str
    base: Prompts
    tokens: Tokens
    shared_by: Literal["all", "adapter"]

    def check(self) -> None:
        """What the source says; and its prompts must say nothing that a prefix contradicts."""
        self.base.check()
        if self.base.continues():
            raise UsageError(
                "workload/prompts=shared_prefix: its prompts are behind earlier turns of their "
                "conversations, so a prefix before them is shared by none; give a system prompt "
                "(workload.chat.system)"
            )
        for prompt in self.base.explicit():
            if prompt.ids or (prompt.adapter and self.shared_by == "adapter"):
                said = "ids" if prompt.ids else "adapter"
                raise UsageError(
                    f"{prompt.where}: says its {said} itself, so no prefix can be put before it; "
                    "take the field out, or the prefix (workload/prompts=jsonl)"
                )

    def explicit(self) -> Sequence[Prompt]:
        """Those of the source."""
        return self.base.explicit()

    def chats(self) -> bool:
        """Whether some of the source's are."""
        return self.base.chats()

    def decided(self) -> frozenset[str]:
        """What the source's say."""
        return self.base.decided()

    def deal(
        self, adapters: Sequence[int], rng: Random, encode: Encode, bounds: Bounds = ANY
    ) -> Dealt:
        """The prefixes first, in order of first use, then the source's prompts.

        Raises:
            UsageError: there is no room for both, or the tokenizer merges the end of a prefix
                with what follows.
        """
        inner = bounds
        if bounds != ANY:
            inner = replace(bounds, before=self.tokens + len(encode(BREAK)))
            if inner.before + inner.answer >= inner.room.positions:
                raise UsageError(
                    f"workload.prompts.tokens={self.tokens}: leaves no prompt room behind it: the "
                    f"model has {bounds.room.positions} positions"
                )
        exact = ExactLength(encode)
        sharers = [adapter if self.shared_by == "adapter" else 0 for adapter in adapters]
        prefixes = {each: exact.prompt(self.tokens, rng) for each in dict.fromkeys(sharers)}
        dealt = self.base.deal(adapters, rng, encode, inner)
        joined = [
            replace(prompt, text=self._joined(prefixes[sharer], prompt.text, encode))
            for sharer, prompt in zip(sharers, dealt.prompts, strict=True)
        ]
        return Dealt(joined, dealt.notes)

    def _joined(self, prefix: str, prompt: str, encode: Encode) -> str:
        joined = prefix + BREAK + prompt
        if list(encode(joined)[: self.tokens]) != list(encode(prefix)):
            raise UsageError(
                "workload/prompts=shared_prefix: this tokenizer merges the end of the prefix with "
                "what follows, so its tokens aren't shared; choose another model or prompts"
            )
        return joined
