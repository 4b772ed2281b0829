"""How answers are written: a completion's way and a chat's, whole or in pieces."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from time import time
from typing import Any, ClassVar

from pipeline.serve.generation import Generation, usage
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.reply import Piece, Reply

DONE = b"data: [DONE]\n\n"
"""The end of a stream."""

text_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact; characters as they are."""


class Shape(ABC):
    """Of one generation. What all of its pieces have in common is written once.

    Attributes:
        object_: OpenAI's `object` of a whole answer.
        chunk_object: the same of a piece.
    """

    object_: ClassVar[str]
    chunk_object: ClassVar[str]

    def __init__(self, generation: Generation, body: SamplingFields) -> None:
        """Of a generation.

        Args:
            generation: what is asked.
            body: what is to be told beside the answer: usage, and token ids as vLLM does.
        """
        self.generation, self._ids = generation, bool(body.return_token_ids)
        options = body.stream_options
        self._created = int(time())
        self._usage = bool(options and options.include_usage)
        self._continuous = self._usage and bool(options and options.continuous_usage_stats)
        head = self._head(self.chunk_object) | {"choices": []}
        self._before = "data: " + text_json(head).removesuffix("]}")

    @abstractmethod
    def choice(self, reply: Reply, piece: Piece) -> str:
        """JSON of a piece of an answer."""

    @abstractmethod
    def answer(self, reply: Reply, piece: Piece) -> dict[str, Any]:
        """A whole answer."""

    def chunk(self, reply: Reply, piece: Piece) -> bytes:
        """A piece of an answer as an event of a stream."""
        choice = self.choice(reply, piece)
        if self._ids:
            choice = f'{choice[:-1]},"token_ids":{text_json(piece.ids)}}}'
        return self._event(reply, choice)

    def closing(self) -> bytes:
        """What a stream ends with."""
        if not self._usage:
            return DONE
        told = text_json(self.generation.usage())
        return f'{self._before}],"usage":{told}}}\n\n'.encode() + DONE

    def whole(self, pieces: Iterable[tuple[Reply, Piece]]) -> dict[str, Any]:
        """All answers at once."""
        return self._head(self.object_) | {
            "choices": [self._answer(reply, piece) for reply, piece in pieces],
            "usage": self.generation.usage(),
            "system_fingerprint": None,
        }

    def _answer(self, reply: Reply, piece: Piece) -> dict[str, Any]:
        answer = self.answer(reply, piece)
        if not self._ids:
            return answer
        prompt = [*(reply.request.prompt_ids or ())]
        return answer | {"token_ids": piece.ids, "prompt_token_ids": prompt}

    def _event(self, reply: Reply, told: str) -> bytes:
        after = ""
        if self._continuous:
            after = f',"usage":{text_json(usage(reply.prompt_length, reply.length))}'
        elif self._usage:
            after = ',"usage":null'
        return f"{self._before}{told}]{after}}}\n\n".encode()

    def _head(self, object_: str) -> dict[str, Any]:
        generation = self.generation
        return {
            "id": generation.id,
            "object": object_,
            "created": self._created,
            "model": generation.model,
        }
