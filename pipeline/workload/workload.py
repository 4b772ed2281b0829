"""The contract of the `workload` group."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from pipeline.workload.prompts.source import Encode
from pipeline.workload.prompts.text_reader import NO_OWN, Template, TextReaders
from pipeline.workload.room import BOUNDLESS, ModelLimits
from pipeline.workload.run_in import RunIn
from pipeline.workload.trace import Trace


class Workload(ABC):
    """Settings that say what a run asks of its engine.

    Attributes:
        text: hand prompts over as text, tokenised inside the timed path; else as ids.
        warmup_iterations: how often the first iteration is replayed before measuring.
        warmup_tokens: most tokens a request makes in these replays; None for all it asks for.
        run_in: the beginning that is served and not counted.
    """

    name: str
    text: bool
    warmup_iterations: int
    warmup_tokens: int | None
    run_in: RunIn

    def idle(self) -> Mapping[str, str]:
        """What warms up nothing."""
        if self.warmup_iterations:
            return {}
        return {
            "warmup_tokens": "nothing warms up with workload.warmup_iterations=0; "
            "workload.warmup_iterations=1 would"
        }

    @property
    def waits_for_answers(self) -> bool:
        """Whether some of its requests aren't due before others are answered."""
        return False

    def count(self) -> int:
        """Requests that the settings ask for; 0 where a file decides that."""
        return 0

    @abstractmethod
    def check(self, adapters: Sequence[str | None]) -> None:
        """Refuse, before anything heavy starts, what can't be drawn from those adapters.

        Raises:
            UsageError: the laws or the trace need other adapters.
        """

    @abstractmethod
    def trace(
        self,
        adapters: Sequence[str | None],
        encode: Encode,
        room: ModelLimits = BOUNDLESS,
        template: Template | None = None,
        own: TextReaders = NO_OWN,
    ) -> Trace:
        """The whole trace.

        Args:
            adapters: what the requests may ask for, the most popular first.
            encode: the model's tokenizer.
            room: what the model has room for.
            template: its chat template, for conversations.
            own: who reads for adapters that have tokens of their own.

        Raises:
            UsageError: it can't be drawn, or the model has no room for it.
        """
