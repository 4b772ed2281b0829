"""What requests came to, from the stamps of their events, whenever those reach a client."""

from collections import Counter

from pipeline.inference.events import Admitted, Event, Finished, Token
from pipeline.inference.request import Request
from pipeline.serve.metrics.adapter_totals import AdapterTotals
from pipeline.serve.metrics.histogram import (
    REQUEST_S,
    STEP_TOKENS,
    TOKEN_S,
    TTFT_S,
    Buckets,
    one_two_five,
)
from pipeline.serve.progress import Progress

ABORT = "abort"
"""vLLM's word for the end of a request whose client went away."""
ERROR = "error"
"""The same of one that couldn't be answered."""


class Traffic:
    """Counters and histograms; for the thread of the event loop.

    Attributes:
        ends: requests by why they ended, in vLLM's words.
        prompt_tokens: of requests that have a first token.
        generated_tokens: all that were told.
        adapters: the same by adapter.
        ttft, itl, e2e, queue, prefill, decode, inference, tpot: seconds; those of a whole request
            are of requests that came to their own end.
        prompts, answers: tokens of such requests.
        steps: tokens of a step, prompts that ended in it included.
    """

    def __init__(self, longest: int, adapters: AdapterTotals) -> None:
        """Nothing has come.

        Args:
            longest: positions that a request may need.
            adapters: counts by adapter.
        """
        self.ends: Counter[str] = Counter(stop=0, length=0, abort=0, error=0)
        self.prompt_tokens = self.generated_tokens = 0
        self.adapters = adapters
        self.ttft, self.itl, self.tpot = Buckets(TTFT_S), Buckets(TOKEN_S), Buckets(TOKEN_S)
        self.e2e, self.queue = Buckets(REQUEST_S), Buckets(REQUEST_S)
        self.prefill, self.decode = Buckets(REQUEST_S), Buckets(REQUEST_S)
        self.inference = Buckets(REQUEST_S)
        self.prompts, self.answers = Buckets(one_two_five(longest)), Buckets(one_two_five(longest))
        self.steps = Buckets(STEP_TOKENS)
        self._step = 0

    def hear(self, request: Request, progress: Progress, event: Event) -> None:
        """Something was told of a request."""
        if isinstance(event, Token):
            self._token(request, progress, event.at)
        elif isinstance(event, Admitted):
            progress.admitted = event.at
            self.queue.add(event.at - progress.submitted)
        elif isinstance(event, Finished):
            reason = ABORT if event.reason == "cancelled" else str(event.reason)
            self.end(request, reason)
            if event.error is None:
                self._whole(request, progress, event.at)

    def step_ends(self) -> None:
        """All events of a step have been heard."""
        if self._step:
            self.steps.add(self._step)
        self._step = 0

    def end(self, request: Request, reason: str) -> None:
        """A request is over.

        Args:
            request: which.
            reason: `stop`, `length`, `abort` or `error`.
        """
        self.ends[reason] += 1
        self.adapters.of(request.adapter).requests += 1

    def _token(self, request: Request, progress: Progress, at: float) -> None:
        totals = self.adapters.of(request.adapter)
        if progress.first is None:
            asked = len(request.prompt_ids or ())
            progress.first = at
            self.ttft.add(at - progress.submitted)
            if progress.admitted is not None:
                self.prefill.add(at - progress.admitted)
            self.prompt_tokens += asked
            totals.prompt_tokens += asked
            self._step += asked
        else:
            self.itl.add(at - progress.last)
        progress.last = at
        progress.tokens += 1
        self.generated_tokens += 1
        totals.generated_tokens += 1
        self._step += 1

    def _whole(self, request: Request, progress: Progress, at: float) -> None:
        self.e2e.add(at - progress.submitted)
        self.prompts.add(len(request.prompt_ids or ()))
        self.answers.add(progress.tokens)
        if progress.first is not None:
            self.decode.add(progress.last - progress.first)
            if progress.tokens > 1:
                self.tpot.add((progress.last - progress.first) / (progress.tokens - 1))
        if progress.admitted is not None:
            self.inference.add(at - progress.admitted)
