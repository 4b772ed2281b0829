"""What every endpoint works with: the model, the names, the desk, and whether there is an end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from tokenizers import Tokenizer

from pipeline.inference.capabilities import Capabilities
from pipeline.serve.adapter_changes import AdapterChanges
from pipeline.serve.adapters import ServedNames
from pipeline.serve.answering import Desk
from pipeline.serve.errors import ApiError, unavailable
from pipeline.serve.loop import EngineLoop
from pipeline.serve.settings import ServeSettings

LONG = 4096
"""Characters of a text from which on another thread tokenises it."""


@dataclass(frozen=True)
class ServedModel:
    """What endpoints know of the base model.

    Attributes:
        folder: where it lies.
        tokenizer: its own.
        longest: positions that a request may need, prompt and answer together.
        vocabulary: number of token ids.
    """

    folder: Path
    tokenizer: Tokenizer
    longest: int
    vocabulary: int

    async def encode(self, text: str, special: bool = True) -> list[int]:
        """Token ids of a text; a long one doesn't keep others waiting.

        Args:
            text: any.
            special: with the tokens that the tokenizer puts around a text.
        """
        if len(text) < LONG:
            return self._encode(text, special)
        return await asyncio.to_thread(self._encode, text, special)

    def decode(self, ids: Sequence[int], skip_special: bool = False) -> str:
        """The text of token ids."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=skip_special)
        return text

    def _encode(self, text: str, special: bool) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=special).ids
        return ids


class Service:
    """Of one server.

    Attributes:
        settings: how it serves.
        model: what.
        names: who can be named.
        loop: steps the engine.
        desk: who waits for what.
        changes: adapters that come and go.
        stopping: why no more requests are taken; None while they are.
    """

    def __init__(
        self,
        settings: ServeSettings,
        model: ServedModel,
        names: ServedNames,
        loop: EngineLoop,
        desk: Desk,
    ) -> None:
        self.settings, self.model, self.names = settings, model, names
        self.loop, self.desk = loop, desk
        self.changes = AdapterChanges(settings.adapter_root, settings.resolve, names, loop)
        self.stopping: str | None = None

    @cached_property
    def capabilities(self) -> Capabilities:
        """The engine's."""
        return self.loop.engine.capabilities

    def check_taking(self) -> None:
        """Refuse a request that would never be answered.

        Raises:
            ApiError: the engine has failed, or the server is about to end.
        """
        if not self.loop.is_alive:
            raise ApiError("the engine has failed; the server ends", 500)
        if self.stopping is not None:
            raise unavailable(self.stopping, self.settings.drain_seconds)


def service_of(request: Request) -> Service:
    """The service of the app that got a request: a FastAPI dependency."""
    service: Service = request.app.state.service
    return service


OfApp = Annotated[Service, Depends(service_of)]
"""What endpoints take."""
