"""To which stage the time of a step belongs."""

from collections.abc import Sequence
from typing import Any

from pipeline.engines.paged.sequence import Chunk
from pipeline.inference.stage_clock import StageClock


class StepStages:
    """Books each step's forward pass to `prefill`, to `decode`, or to both.

    A step of prompts alone is prefill, one without prompts is decode. A mixed step is divided:
    decode gets its tokens' share of the time, and never less than the last step without prompts
    took, since the weights would have been read for the decodes alone as well. So chunked prefill
    can't make decoding look faster than it is without it.
    """

    def __init__(self, clock: StageClock) -> None:
        self._clock = clock
        self._decode_s = 0.0

    def begin(self, plan: Sequence[Chunk[Any]]) -> float:
        """The forward pass begins; returns the stamp of now."""
        pure = all(chunk.is_decode for chunk in plan)
        return self._clock.enter("decode" if pure else "prefill")

    def end(self, plan: Sequence[Chunk[Any]], began: float) -> None:
        """It is over, and sampling begins."""
        seconds = self._clock.enter("sample") - began
        decodes = sum(chunk.is_decode for chunk in plan)
        if decodes == len(plan):
            self._decode_s = seconds
        elif decodes:
            tokens = sum(chunk.count for chunk in plan)
            share = max(seconds * decodes / tokens, min(seconds, self._decode_s))
            self._clock.reassign(share, "prefill", "decode")
