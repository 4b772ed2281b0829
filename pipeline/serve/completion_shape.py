"""Answers of `/v1/completions`."""

from collections.abc import Mapping
from typing import Any

from pipeline.inference.logprobs import Logprobs
from pipeline.serve.generation import Generation
from pipeline.serve.protocol.sampling import SamplingFields
from pipeline.serve.reply import Piece, Reply
from pipeline.serve.shape import Shape, text_json
from pipeline.serve.text_places import TextPlaces


class CompletionShape(Shape):
    """Text, with log-probabilities in OpenAI's older form."""

    object_ = "text_completion"
    chunk_object = "text_completion"

    def __init__(self, generation: Generation, body: SamplingFields) -> None:
        super().__init__(generation, body)
        self._begins = {each.index: len(each.echoed) for each in generation.replies}
        self._places: dict[int, TextPlaces] = {}

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
        """Of a piece's tokens; where the prompt is told again, of its tokens before them."""
        if not piece.logprobs:
            return None
        model, echoed = self.generation.reader.model, piece.prompt_logprobs
        prompt = reply.request.prompt_ids or () if echoed else ()
        told, ids = [*echoed, *piece.logprobs], [*prompt, *piece.ids]
        texts = model.texts({*ids}.union(*(each or () for each in told)))
        tokens = model.tokens
        before = TextPlaces(tokens.tokenizer, 0, tokens.special_ids).of(prompt)
        return {
            "text_offset": [*before, *self._answer_places(reply).of(piece.ids)],
            "token_logprobs": [each and each[id_] for each, id_ in zip(told, ids, strict=True)],
            "tokens": [texts[id_] for id_ in ids],
            "top_logprobs": [each and _by_text(each, texts) for each in told],
        }

    def _answer_places(self, reply: Reply) -> TextPlaces:
        """Of the answer's tokens, which its pieces share."""
        if reply.index not in self._places:
            tokens = self.generation.reader.model.tokens
            skips = reply.request.sampling.skip_special_tokens
            unseen = tokens.special_ids if skips else frozenset()
            begin = self._begins[reply.index]
            self._places[reply.index] = TextPlaces(tokens.tokenizer, begin, unseen)
        return self._places[reply.index]


def _by_text(logprobs: Logprobs, texts: Mapping[int, str]) -> Mapping[str, float]:
    """Of tokens that have the same text the likelier one's."""
    found: dict[str, float] = {}
    for id_, logprob in logprobs.items():
        found[texts[id_]] = max(logprob, found.get(texts[id_], logprob))
    return found
