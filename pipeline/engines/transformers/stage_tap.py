"""What tells where the time of `generate` goes."""

from typing import Any

from torch import Tensor
from transformers.generation.streamers import BaseStreamer

from pipeline.inference.stage_clock import StageClock


class StageTap(BaseStreamer):  # type: ignore[misc]
    """Stamps every token and tells the clock which stage `generate` is in.

    Attributes:
        stamps: of the batch's tokens so far.
    """

    def __init__(self, model: Any, clock: StageClock) -> None:
        self.stamps: list[float] = []
        self._clock, self._prompt_seen = clock, False
        model.register_forward_pre_hook(self._forward_begins)
        model.register_forward_hook(self._forward_ends)

    def begin(self) -> None:
        """A new batch begins."""
        self.stamps, self._prompt_seen = [], False
        self._clock.enter("prefill")

    def put(self, value: Tensor) -> None:
        """`generate` hands over the prompt first, then one token a row."""
        if self._prompt_seen:
            self.stamps.append(self._clock.enter("decode"))
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing was held back."""

    def _forward_begins(self, *_: Any) -> None:
        self._clock.enter("decode" if self.stamps else "prefill")

    def _forward_ends(self, *_: Any) -> None:
        self._clock.enter("sample")
