"""What a request has been answered so far, and whether that is all."""

from tokenizers import Tokenizer

from pipeline.inference.detokeniser import detokeniser
from pipeline.inference.events import FinishReason
from pipeline.inference.sampling_params import SamplingParams
from pipeline.inference.stop import StopMatcher


class Answer:
    """Told every token of a request, it says which text that adds and why it was the last.

    Attributes:
        is_followed: whether it turns tokens into text as they come.
        text: what may be shown so far; empty where it isn't followed.
        stopped_by: what of the request's own ended it, a stop string or a token of `stop_ids`; None
            where it goes on, or the model's end token or its length has ended it.
    """

    def __init__(
        self,
        sampling: SamplingParams,
        end_ids: frozenset[int],
        tokenizer: Tokenizer | None,
        special_ids: frozenset[int] = frozenset(),
    ) -> None:
        """Of one request.

        Args:
            sampling: what was asked.
            end_ids: the model's end tokens.
            tokenizer: the model's; None where nobody follows the text, which has no stop strings
                then.
            special_ids: the tokenizer's special tokens, which a request may want left out.
        """
        self._sampling, self._end_ids = sampling, sampling.end_ids(end_ids)
        self.is_followed = tokenizer is not None
        self._detokeniser = None if tokenizer is None else detokeniser(tokenizer)
        self._unsaid = special_ids if sampling.skip_special_tokens else frozenset()
        self._stops = StopMatcher(sampling.stop)
        self._count = 0
        self._model_ends = frozenset() if sampling.ignore_eos else end_ids
        self.text = ""
        self.stopped_by: str | int | None = None

    def add(self, id_: int) -> tuple[str, FinishReason | None]:
        """What one more token adds to the text, and why the answer ends with it, if it does.

        Text that may become a stop string is held back; the last token brings what is left.
        """
        self._count += 1
        piece = self._said(id_)
        reason = self._reason(id_)
        if reason:
            piece += self._rest()
            reason = self._reason(id_)
        self.text += piece
        return piece, reason

    @property
    def _may_stop(self) -> bool:
        return self._count > self._sampling.min_tokens

    def _said(self, id_: int) -> str:
        if self._detokeniser is None or id_ in self._unsaid:
            return ""
        return self._shown(self._detokeniser.add(id_))

    def _shown(self, piece: str) -> str:
        return self._stops.add(piece) if self._may_stop else piece

    def _reason(self, id_: int) -> FinishReason | None:
        if self._stops.found is not None:
            self.stopped_by = self._stops.found
            return FinishReason.STOP
        if self._may_stop and id_ in self._end_ids:
            self.stopped_by = None if id_ in self._model_ends else id_
            return FinishReason.STOP
        return FinishReason.LENGTH if self._count >= self._sampling.max_new_tokens else None

    def _rest(self) -> str:
        if self._detokeniser is None:
            return ""
        rest = self._shown(self._detokeniser.finish())
        return rest + self._stops.finish()
