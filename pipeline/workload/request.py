"""The requests of a trace."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

GREEDY: Final = SamplingParams(ignore_eos=True)
"""What a run asks for unless its `sampling` section says otherwise."""


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """What one user asks for, fixed before the run.

    Attributes:
        id: position in the trace, from 0.
        iteration: which closed batch it belongs to; 0 throughout where there are no batches.
        adapter: name of the LoRA adapter, or None for the base model.
        prompt: the text, tokenised by the engine inside the timed path.
        prompt_ids: the same text as token ids, for runs that replay ids alone.
        max_new_tokens: how many tokens to generate.
        scheduled_s: arrival, in seconds from the start of its iteration.
        tenant: who asks; None where nobody is told apart.
        after: id of the request before it in its conversation: it comes when that one is answered,
            and not before it is due; None for one that waits for nobody.
        sampling: how its tokens are chosen, but for their number; no part of the trace's files.
        by_text: whether the engine is given the text, or the ids; no part of them either.
    """

    id: int
    iteration: int
    adapter: str | None
    prompt: str
    prompt_ids: tuple[int, ...]
    max_new_tokens: int
    scheduled_s: float
    tenant: str | None = None
    after: int | None = None
    sampling: SamplingParams = GREEDY
    by_text: bool = True

    def to_inference(self) -> Request:
        """What the engine is asked."""
        sampling = self.sampling
        if sampling.max_new_tokens != self.max_new_tokens:  # Checking parameters takes a while.
            sampling = replace(sampling, max_new_tokens=self.max_new_tokens)
        if self.by_text:
            return Request(self.id, self.adapter, prompt=self.prompt, sampling=sampling)
        return Request(self.id, self.adapter, prompt_ids=self.prompt_ids, sampling=sampling)

    def capped(self, tokens: int | None) -> Self:
        """The same, asking for so many tokens at most; None for no other bound than its own."""
        if tokens is None:
            return self
        return replace(self, max_new_tokens=min(self.max_new_tokens, tokens))


def excerpt(
    requests: Sequence[TraceRequest], adapters: int, per_adapter: int, max_tokens: int
) -> tuple[TraceRequest, ...]:
    """A small, fixed part of a trace: enough to judge every adapter, little enough to afford.

    The first requests of each adapter, cut to `max_tokens`; the base model is one of them.

    Args:
        requests: a trace, in order of arrival.
        adapters: how many adapters at most, those that are asked for first.
        per_adapter: how many requests of each at most.
        max_tokens: how many tokens of each output at most.
    """
    counts: dict[str | None, int] = {}
    chosen = []
    for request in requests:
        known = request.adapter in counts
        if (not known and len(counts) == adapters) or counts.get(request.adapter, 0) == per_adapter:
            continue
        counts[request.adapter] = counts.get(request.adapter, 0) + 1
        chosen.append(request.capped(max_tokens))
    return tuple(chosen)
