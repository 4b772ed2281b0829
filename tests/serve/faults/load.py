"""What is asked of every adapter, what it answers undisturbed, and who asks all the while."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.serve.faults.client import Address, ask, request
from tests.serve.faults.outcome import outcome

PROMPT = "Once upon a time there was a"
MODELS = ("tiny", "sql", "verse", "csv", "html", "json", "logs", "markdown", "shout")
"""The base, and its adapters."""


def question(model: str, tokens: int = 16, **fields: Any) -> dict[str, Any]:
    """Greedy, and as long as it says."""
    own = {"model": model, "prompt": PROMPT, "max_tokens": tokens}
    return {**own, "temperature": 0, "ignore_eos": True, **fields}


@dataclass
class Regulars:
    """Clients who ask one thing after another, and know what they must be answered.

    Attributes:
        at: of the server.
        texts: answers by model.
        found: what became of each question.
    """

    at: Address
    texts: Mapping[str, str]
    found: list[str] = field(default_factory=list)

    @classmethod
    async def of(cls, at: Address) -> "Regulars":
        """Once each model has answered undisturbed."""
        answers = [await ask(at, request(question(model))) for model in MODELS]
        texts = {model: each.text for model, each in zip(MODELS, answers, strict=True) if each.text}
        if len(texts) != len(MODELS) or len({*texts.values()}) != len(MODELS):
            raise RuntimeError(f"models don't answer, or answer the same: {texts}")
        return cls(at, texts)

    @asynccontextmanager
    async def asking(self, clients: int = 8) -> AsyncIterator[list[str]]:
        """So many of them ask until the block is left; gives what became of it."""
        self.found = []
        numbers, leaving = count(), asyncio.Event()

        async def one() -> None:
            while not leaving.is_set():
                number = next(numbers)
                self.found.append(await self.once(MODELS[number % len(MODELS)], number % 2 == 0))

        asking = [asyncio.create_task(one()) for _ in range(clients)]
        try:
            yield self.found
            leaving.set()
            await asyncio.gather(*asking)
        finally:
            for each in asking:
                each.cancel()

    async def once(self, model: str, stream: bool = True) -> str:
        """A question's outcome."""
        answer = await ask(self.at, request(question(model, stream=stream)))
        return outcome(answer, [self.texts[model]])
