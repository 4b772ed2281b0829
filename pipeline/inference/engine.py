"""The contract of an engine: requests in, stamped events out."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Self

from pipeline.errors import UsageError, shown
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.events import Event
from pipeline.inference.inbox import Inbox
from pipeline.inference.kv_counts import KvCounts
from pipeline.inference.occupancy import Occupancy
from pipeline.inference.outside import NOTHING, Outside
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock
from pipeline.inference.teacher import Teacher
from pipeline.inference.token_vocabulary import TokenVocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Engine(ABC):
    """A context manager: entering loads the model, leaving frees it.

    Requests, cancellations and adapters may come from any thread; all else is for the one thread
    that steps. All stamps are `time.perf_counter` seconds.

    Attributes:
        capabilities: what it can do; the rest is refused.
        clock: where its time goes.
        inbox: what was asked and not yet taken. A step takes it, tells it whose end it tells, and
            wakes it if the next step has something to do.
    """

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities, self.clock, self.inbox = capabilities, StageClock(), Inbox()

    @abstractmethod
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Free what entering loaded."""

    def submit(self, request: Request) -> None:
        """Accept a request, from any thread; it waits until a step admits it.

        Raises:
            UsageError: it asks for what this engine can't do, or its id is in flight.
        """
        if refused := self.capabilities.refusal(request):
            raise UsageError(f"request {shown(request.id)}: {refused}")
        self.inbox.submit(request)

    def cancel(self, request_id: Hashable) -> bool:
        """Ask for the end of a request wherever it is, from any thread.

        The next step frees what it holds and tells its end, unless it has come to it before.

        Returns:
            Whether it is in flight.
        """
        return self.inbox.cancel(request_id)

    @abstractmethod
    def step(self) -> list[Event]:
        """Advance a little; the events of that advance, each with its own stamp.

        Never sleeps, and never waits for one thing while another can go on. An exception that
        concerns more than the requests which it ended is raised; the next step tells their ends.
        """

    def wait(self, seconds: float | None = None) -> bool:
        """Sleep until there is something to do: at once where the last step left something.

        What wakes it is a request, a cancellation, or the end of a load. While requests are in
        flight that is what they wait for, so the time belongs to `adapter_load`.

        Args:
            seconds: how long at most; None for no limit.

        Returns:
            Whether there is something.
        """
        if self.inbox.wait(0):
            return True
        self.clock.enter("adapter_load" if self.busy else "other")
        try:
            return self.inbox.wait(seconds)
        finally:
            self.clock.enter("other")

    @property
    def busy(self) -> bool:
        """Whether the end of any request is still to be told."""
        return self.inbox.in_flight > 0

    def add_adapter(self, name: str, folder: Path) -> None:
        """Serve one more adapter from now on, or another one under a name; from any thread.

        Requests that were taken in before are served by what the name stood for then.

        Args:
            name: by which requests name it.
            folder: of its files.

        Raises:
            UsageError: the engine can't, or the adapter can't be served.
        """
        raise UsageError(f"adapter {shown(name)}: this engine can't add adapters while it runs")

    def remove_adapter(self, name: str) -> None:
        """Serve an adapter no more, but to the requests that were taken in; from any thread.

        Raises:
            UsageError: the engine can't, or has no such adapter.
        """
        raise UsageError(f"adapter {shown(name)}: this engine can't remove adapters while it runs")

    @property
    @abstractmethod
    def adapter_counts(self) -> AdapterCounts | None:
        """How adapters came and went since the engine was entered; None where it can't tell."""

    @property
    def kv_counts(self) -> KvCounts | None:
        """What was found of prompts, and who was preempted, since the engine was entered.

        None where it neither keeps the beginnings of prompts nor preempts.
        """
        return None

    @property
    def occupancy(self) -> Occupancy:
        """What it holds now, as a value that any thread may read; for the thread that steps.

        It takes time with every request in flight and every adapter, so whoever watches asks some
        times a second, between two steps; nothing is counted for the sake of it.
        """
        return Occupancy(
            perf_counter(),
            self.inbox.in_flight,
            adapter_counts=self.adapter_counts,
            kv_counts=self.kv_counts,
        )

    def forget_prefixes(self) -> None:  # noqa: B027
        """From now on what was computed of earlier prompts is computed anew.

        Called between runs, so that a run's prompts aren't found because a warm-up read them.
        """

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """What computes, known once the engine is entered."""

    @property
    def longest(self) -> int | None:
        """Positions that a request may need, prompt and output together; None where it can't tell.

        Known once the engine is entered.
        """
        return None

    def own_vocabulary(self, adapter: str) -> TokenVocabulary | None:
        """Of an adapter that was trained with tokens added; None where it has the base's tokens.

        Known once the engine is entered; any thread may ask, and read and write texts by it.
        """
        return None

    @property
    def outside(self) -> Outside:
        """What computes for it beside this process took, since it was entered."""
        return NOTHING

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of a run's figures should know of how it served, a line each."""
        return ()

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
    def kv_position_bytes(self) -> int | None:
        """Bytes of the keys and values of one position in all layers; None where it can't tell."""
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
