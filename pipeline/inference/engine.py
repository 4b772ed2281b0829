"""The contract of an engine: requests in, stamped events out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.events import Event
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock
from pipeline.inference.teacher import Teacher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Engine(ABC):
    """A context manager: entering loads the model, leaving frees it.

    All stamps are `time.perf_counter` seconds.
    """

    clock: StageClock

    @abstractmethod
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Free what entering loaded."""

    @abstractmethod
    def submit(self, request: Request) -> None:
        """Accept a request; it waits until a step admits it."""

    @abstractmethod
    def step(self) -> list[Event]:
        """Advance a little; the events of that advance, each with its own stamp."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether something is left to do."""

    @property
    @abstractmethod
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """What computes, known once the engine is entered."""

    @property
    def weight_bytes(self) -> int | None:
        """Bytes of the base model's weights that a decode step reads, as this engine keeps them.

        All but the input embedding, of which a step reads a few rows (unless it is the output
        layer too). None where the engine can't say.
        """
        return None

    @property
    def model_bytes(self) -> int | None:
        """Bytes of the base model's weights in the precision this engine serves them.

        The weights it holds in memory, scales included, adapters and caches not; the size of the
        file where the file is mapped as it is (GGUF). None where the engine can't tell.
        """
        return None

    @property
    def kv_bytes(self) -> int | None:
        """Bytes of keys and values at the moment when most were held; None where it can't tell."""
        return None

    @property
    def adapter_bytes(self) -> int | None:
        """Bytes of adapters at the moment when most were held; None where it can't tell."""
        return None

    def score(
        self, adapter: str | None, prompt_ids: Sequence[int], continuation_ids: Sequence[int]
    ) -> "NDArray[np.float32] | None":
        """Log-probabilities of every token at each position of a continuation, teacher-forced.

        Row i is the distribution of continuation token i, given the prompt and the continuation
        before it. One request alone, by the plainest path there is: this is for a reference, or to
        see what an adapter does; it says nothing about what is served to many at once. Called
        between runs, never in a timed part; needs not be fast.

        Returns:
            (len(continuation_ids), vocabulary), natural logarithms; None where the engine can't.
        """
        return None

    def teach(self, teacher: Teacher | None) -> bool:
        """From now on requests that the teacher knows are led along its continuations.

        All else goes on as it always does: what is judged then is the path that serves. None ends
        it. Called between runs, while nothing is being served.

        Returns:
            Whether the engine can.
        """
        return False
