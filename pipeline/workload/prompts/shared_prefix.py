"""A system prompt in front of every prompt, shared by all requests or by those of an adapter."""

from collections.abc import Sequence
from random import Random
from typing import Literal

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.prompts.exact_length import ExactLength
from pipeline.workload.prompts.source import Encode, Prompts

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
    tokens: PositiveInt
    shared_by: Literal["all", "adapter"]

    def check(self) -> None:
        """What the source says."""
        self.base.check()

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """All behind one prefix."""
        return self.draw_for([0] * count, rng, encode)

    def draw_for(self, adapters: Sequence[int], rng: Random, encode: Encode) -> list[str]:
        """The prefixes first, in order of first use, then the source's prompts.

        Raises:
            UsageError: the tokenizer merges the end of a prefix with what follows.
        """
        exact = ExactLength(encode)
        sharers = [adapter if self.shared_by == "adapter" else 0 for adapter in adapters]
        prefixes = {each: exact.prompt(self.tokens, rng) for each in dict.fromkeys(sharers)}
        prompts = self.base.draw_for(adapters, rng, encode)
        return [
            self._joined(prefixes[sharer], prompt, encode)
            for sharer, prompt in zip(sharers, prompts, strict=True)
        ]

    def _joined(self, prefix: str, prompt: str, encode: Encode) -> str:
        joined = prefix + BREAK + prompt
        if list(encode(joined)[: self.tokens]) != list(encode(prefix)):
            raise UsageError(
                "workload/prompts=shared_prefix: this tokenizer merges the end of the prefix with "
                "what follows, so its tokens aren't shared; choose another model or prompts"
            )
        return joined
