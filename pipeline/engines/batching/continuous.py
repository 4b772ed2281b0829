"""The loop of continuous batching: let requests join what runs, then advance all of it a little."""

from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Sequence as Rows
from functools import partial
from typing import Any

from pipeline.engines.batching.engine import BatchingEngine
from pipeline.engines.batching.scheduler import Scheduler
from pipeline.engines.batching.sequence import Sequence

Work = tuple[Rows[Sequence], Callable[[], None]]
"""Sequences, and what gives each of them a token or brings it nearer to one."""


class ContinuousEngine(BatchingEngine):
    """A subclass brings the scheduler, and says what a step computes.

    Attributes:
        scheduler: who waits and who runs.
    """

    scheduler: Scheduler[Any]

    @abstractmethod
    def _work(self) -> Rows[Work]:
        """What is to be computed in this step, for those that run."""

    def _open(self) -> Rows[Sequence]:
        return self.scheduler.open

    def _running(self) -> Rows[Sequence]:
        return self.scheduler.running

    def _drop(self, sequence: Sequence) -> None:
        self.scheduler.drop(sequence)

    def _advance(self) -> bool:
        """An error ends the requests of its group, or of its batch, alone."""
        for group in self.scheduler.joining():
            self._attempt(group, partial(self._start, group))
        work = self._work()
        for sequences, compute in work:
            self._attempt(sequences, compute)
        return bool(work)

    def _start(self, group: Rows[Sequence]) -> None:
        self._admitted(group)
        self.scheduler.start(group)
