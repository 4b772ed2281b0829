"""What there is room for: positions and token ids of a model, and a year of waiting."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.workload.request import TraceRequest

YEAR_S = 365 * 86_400.0


@dataclass(frozen=True)
class ModelLimits:
    """What a model has room for.

    Attributes:
        positions: longest sequence, prompt and answer together.
        vocabulary: number of token ids.
    """

    positions: int = sys.maxsize
    vocabulary: int = sys.maxsize

    def hold(self, key: str, requests: Iterable[TraceRequest]) -> None:
        """Refuse a trace that doesn't fit, whatever it was drawn from.

        Args:
            key: the setting that it came from, for messages.
            requests: the trace.

        Raises:
            UsageError: naming the first request that needs more positions than there are, has a
                token id beyond the vocabulary or no token at all, or comes after a year.
        """
        for request in requests:
            prompt, answer = len(request.prompt_ids), request.max_new_tokens
            if prompt + answer > self.positions:
                raise UsageError(
                    f"{key}: request {request.id} needs {prompt + answer} positions, {prompt} for "
                    f"its prompt and {answer} for the answer, and the model has {self.positions}; "
                    "ask for shorter ones, or for another model"
                )
            if not prompt:
                raise UsageError(f"{key}: request {request.id} has no token in its prompt")
            if max(request.prompt_ids) >= self.vocabulary:
                raise UsageError(
                    f"{key}: request {request.id} has the token id {max(request.prompt_ids)}, and "
                    f"the model's vocabulary has {self.vocabulary}; it is of another model"
                )
            if request.scheduled_s > YEAR_S:
                raise UsageError(
                    f"{key}: request {request.id} comes after {request.scheduled_s:.3g} s, more "
                    "than a year; raise workload.rate, or the speed of a replay"
                )


BOUNDLESS = ModelLimits()
"""Where no model is known yet."""
