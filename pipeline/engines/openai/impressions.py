"""What is to be said of a server's answers: how well they are known, and how they were sent."""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from time import perf_counter
from typing import Any

from tokenizers import Tokenizer

from pipeline.engines.openai.body import Endpoint
from pipeline.engines.openai.found_prompts import FoundPrompts
from pipeline.engines.openai.reply import ReplyTokens, ServerReply
from pipeline.inference.request import Request
from pipeline.metrics.latency import percentile

LOOKED_AT = 64
"""Prompts sent as text whose tokens are counted again, when all timing is over."""


class Impressions:
    """Kept while a server is asked; a few numbers a request."""

    def __init__(self, endpoint: Endpoint, tokenizer: Tokenizer) -> None:
        self._endpoint, self._tokenizer = endpoint, tokenizer
        self._known: Counter[str] = Counter()
        self._deviating = self._several = self._chunks = 0
        self._begun: dict[Hashable, tuple[float, int | str]] = {}
        self._lateness: list[float] = []
        self._prompts: list[tuple[int | str, int]] = []
        self._cached = self._looked_for = 0

    def sending(self, request: Request, prompt: str | Sequence[int]) -> None:
        """A request is handed over to be sent."""
        self._begun[request.id] = perf_counter(), prompt if isinstance(prompt, str) else len(prompt)

    def answered(self, request: Request, reply: ServerReply, found: ReplyTokens) -> None:
        """All is over with it."""
        begun, prompt = self._begun.pop(request.id)
        if reply.sent:
            self._lateness.append(reply.sent - begun)
        if reply.error or reply.cancelled:
            return
        self._known[found.known] += 1
        self._deviating += found.deviates
        bringing = sum(each.brings for each in reply.chunks)
        self._chunks += bringing
        self._several += len(found.ids) > bringing
        if reply.cached_tokens is not None:
            self._cached += reply.cached_tokens
            self._looked_for += reply.prompt_tokens or 0
        if reply.prompt_tokens is not None and len(self._prompts) < LOOKED_AT:
            self._prompts.append((prompt, reply.prompt_tokens))

    @property
    def found(self) -> FoundPrompts:
        """What the answers say of the server's prefix cache; zeros where they say nothing."""
        return FoundPrompts(self._cached, self._looked_for)

    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures should know, a line each."""
        return (*self._of_tokens(), *self._of_prompts())

    def document(self) -> dict[str, Any]:
        """All of it, for a file."""
        late = {str(each): percentile(self._lateness, each) for each in (50, 99)}
        return {
            "answers": sum(self._known.values()),
            "tokens_known_by": dict(self._known),
            "other_number_of_tokens_than_counted": self._deviating,
            "chunks": self._chunks,
            "answers_with_several_tokens_in_a_chunk": self._several,
            "send_lateness_s": late | {"max": max(self._lateness, default=0.0)},
            "notes": list(self.notes()),
        }

    def _of_tokens(self) -> Iterator[str]:
        answers = sum(self._known.values())
        if by_text := answers - self._known["ids"]:
            yield (
                f"{by_text} of {answers} answers came without token ids: which tokens they are is "
                "known by tokenising their text again"
            )
        if guessed := self._known["retokenised"]:
            yield f"{guessed} of {answers} answers came without a count: so is how many they are"
        if self._deviating:
            yield (
                f"{self._deviating} of {answers} answers have another number of tokens than the "
                "server counted; those of which not all ids came aren't compared with the reference"
            )

    def _of_prompts(self) -> Iterator[str]:
        if self._endpoint == "chat" and self._known:
            yield "prompts went through the server's chat template, which prompt tokens leave out"
            return
        counts = [(self._count(prompt), theirs) for prompt, theirs in self._prompts]
        if other := [each for each in counts if each[0] != each[1]]:
            ours, theirs = other[0]
            yield (
                f"{len(other)} of {len(counts)} prompts have another number of tokens on the "
                f"server, the first {theirs} in place of {ours}"
            )

    def _count(self, prompt: int | str) -> int:
        return prompt if isinstance(prompt, int) else len(self._tokenizer.encode(prompt).ids)
