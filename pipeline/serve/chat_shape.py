"""Answers of `/v1/chat/completions`."""

from typing import Any

from pipeline.inference.logprobs import Logprobs
from pipeline.serve.generation import Generation
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.reply import Piece, Reply
from pipeline.serve.shape import Shape, text_json


class ChatShape(Shape):
    """Messages, with log-probabilities in OpenAI's newer form.

    A stream says whose turn it is with the first token, not before: clients take the first event
    for the moment at which the answer began.
    """

    object_ = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def __init__(self, generation: Generation, body: SamplingFields) -> None:
        super().__init__(generation, body)
        self._begun: set[int] = set()

    def chunk(self, reply: Reply, piece: Piece) -> bytes:
        """See `Shape`."""
        chunk = super().chunk(reply, piece)
        if reply.index in self._begun:
            return chunk
        self._begun.add(reply.index)
        role = (
            f'{{"index":{reply.index},"delta":{{"role":"assistant","content":""}},'
            '"logprobs":null,"finish_reason":null}'
        )
        return self._event(reply, role) + chunk

    def choice(self, reply: Reply, piece: Piece) -> str:
        """See `Shape`."""
        text = text_json(piece.text)
        if not piece.logprobs and piece.reason is None:
            return (
                f'{{"index":{reply.index},"delta":{{"content":{text}}},"logprobs":null,'
                '"finish_reason":null}'
            )
        return text_json(self._rest(reply, piece) | {"delta": {"content": piece.text}})

    def answer(self, reply: Reply, piece: Piece) -> dict[str, Any]:
        """See `Shape`."""
        message = {"role": "assistant", "content": piece.text, "refusal": None}
        return self._rest(reply, piece) | {"message": message}

    def _rest(self, reply: Reply, piece: Piece) -> dict[str, Any]:
        told = [self._token(each) for each in piece.logprobs]
        return {
            "index": reply.index,
            "logprobs": {"content": told, "refusal": None} if told else None,
            "finish_reason": piece.reason,
            "stop_reason": piece.stopped_by,
        }

    def _token(self, logprobs: Logprobs) -> dict[str, Any]:
        """The chosen token stands first; it may be among the likeliest or not."""
        chosen = next(iter(logprobs.items()))
        most = self.generation.replies[0].request.sampling.logprobs or 0
        likeliest = sorted(logprobs.items(), key=lambda each: -each[1])[:most]
        return self._said(*chosen) | {"top_logprobs": [self._said(*each) for each in likeliest]}

    def _said(self, id_: int, logprob: float) -> dict[str, Any]:
        text = self.generation.reader.model.decode([id_])
        return {"token": text, "logprob": logprob, "bytes": [*text.encode()]}
