"""Answers of `/v1/completions`."""

from typing import Any

from pipeline.serve.generation import Generation
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.reply import Piece, Reply
from pipeline.serve.shape import Shape, text_json


class CompletionShape(Shape):
    """Text, with log-probabilities in OpenAI's older form."""

    object_ = "text_completion"
    chunk_object = "text_completion"

    def __init__(self, generation: Generation, body: SamplingFields) -> None:
        super().__init__(generation, body)
        self._offsets = {each.index: len(each.echoed) for each in generation.replies}

    def choice(self, reply: Reply, piece: Piece) -> str:
        """See `Shape`."""
        if not piece.logprobs and piece.reason is None:
            text = text_json(piece.text)
            return (
                f'{{"index":{reply.index},"text":{text},"logprobs":null,"finish_reason":null,'
                '"stop_reason":null}'
            )
        return text_json(self.answer(reply, piece))

    def answer(self, reply: Reply, piece: Piece) -> dict[str, Any]:
        """See `Shape`."""
        return {
            "index": reply.index,
            "text": piece.text,
            "logprobs": self._logprobs(reply, piece),
            "finish_reason": piece.reason,
            "stop_reason": piece.stopped_by,
        }

    def _logprobs(self, reply: Reply, piece: Piece) -> dict[str, Any] | None:
        if not piece.logprobs:
            return None
        decode = self.generation.service.model.decode
        tokens = [decode([id_]) for id_ in piece.ids]
        offsets, offset = [], self._offsets[reply.index]
        for token in tokens:
            offsets.append(offset)
            offset += len(token)
        self._offsets[reply.index] = offset
        return {
            "text_offset": offsets,
            "token_logprobs": [
                each[id_] for each, id_ in zip(piece.logprobs, piece.ids, strict=True)
            ],
            "tokens": tokens,
            "top_logprobs": [
                {decode([id_]): value for id_, value in each.items()} for each in piece.logprobs
            ],
        }
