"""One answer to one prompt, as far as it has come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from pipeline.inference.events import Event, Finished, FinishReason, PromptScored, Token
from pipeline.inference.logprobs import Logprobs
from pipeline.inference.request import Request
from pipeline.serve.errors import ApiError

Decode = Callable[[Sequence[int], bool], str]
"""Text of token ids, without special tokens if asked so."""


@dataclass(slots=True)
class Piece:
    """What an answer got in one step, or in several that its client was late for.

    Attributes:
        text: what is added to it.
        ids: of its tokens.
        logprobs: of each of them; empty unless they were asked for.
        prompt_logprobs: of the prompt's tokens, where those were asked for, with its first tokens.
        reason: why it ended with them: `stop` or `length`; None where it goes on.
        stopped_by: the request's own stop string or token id that ended it, vLLM's `stop_reason`;
            None where the model's end token or the length did.
    """

    text: str = ""
    ids: list[int] = field(default_factory=list)
    logprobs: list[Logprobs] = field(default_factory=list)
    prompt_logprobs: Sequence[Logprobs | None] = ()
    reason: str | None = None
    stopped_by: str | int | None = None

    def __bool__(self) -> bool:
        return bool(self.ids or self.reason)


@dataclass(slots=True, eq=False)
class Reply:
    """Takes the events of its request.

    Attributes:
        index: among the answers to the client's request.
        request: what the engine was asked.
        echoed: text that stands before the answer.
        length: tokens so far, an end token included, as vLLM counts.
        text: so far, without what is echoed.
        is_over: whether its end was told.
        reason: why it ended; None before.
    """

    index: int
    request: Request
    decode: Decode
    echoed: str = ""
    length: int = 0
    text: str = ""
    is_over: bool = False
    reason: str | None = None
    _ids: list[int] = field(default_factory=list)
    _piece: Piece = field(default_factory=Piece)

    @property
    def prompt_length(self) -> int:
        """Tokens of its prompt."""
        return len(self.request.prompt_ids or ())

    def take(self, event: Event) -> None:
        """One more of its events.

        Raises:
            ApiError: it is an end with an error.
        """
        if isinstance(event, Token):
            self._token(event)
        elif isinstance(event, PromptScored):
            self._piece.prompt_logprobs = event.logprobs
        elif isinstance(event, Finished):
            self._end(event)

    def piece(self) -> Piece:
        """What came since the last time."""
        piece, self._piece = self._piece, Piece()
        if self.echoed and piece:
            piece.text, self.echoed = self.echoed + piece.text, ""
        return piece

    def _token(self, token: Token) -> None:
        piece = self._piece
        self.length += 1
        piece.ids.append(token.token_id)
        if token.logprobs is not None:
            piece.logprobs.append(token.logprobs)
        if token.text is None:
            self._ids.append(token.token_id)
        elif token.text:
            piece.text += token.text
            self.text += token.text

    def _end(self, end: Finished) -> None:
        """An engine that told no text by the way has told it now, or left it to the ids."""
        if end.reason not in (FinishReason.STOP, FinishReason.LENGTH):
            error = end.error or "the request was ended"
            gone, broken = HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR
            raise ApiError(error, gone if end.adapter_unknown else broken)
        if not self.text:
            text = end.text
            if text is None:
                text = self.decode(self._ids, self.request.sampling.skip_special_tokens)
            self._piece.text += text
            self.text = text
        self.reason = self._piece.reason = str(end.reason)
        self._piece.stopped_by = end.stopped_by
        self.is_over = True
