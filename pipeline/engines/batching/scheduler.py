"""Continuous batching: a queue that waits and a set that runs."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from collections.abc import Sequence as Rows
from typing import Generic, TypeVar

from pipeline.engines.batching.sequence import Sequence

Q = TypeVar("Q", bound=Sequence)
"""A sequence of the engine's own kind."""


class Scheduler(ABC, Generic[Q]):
    """What waits and what runs, each in order; a subclass says who may join, and what it holds.

    Attributes:
        waiting: in order of arrival.
        running: in order of admission.
    """

    def __init__(self) -> None:
        self.waiting: list[Q] = []
        self.running: list[Q] = []

    @property
    def open(self) -> list[Q]:
        """All that waits or runs."""
        return self.waiting + self.running

    def add(self, sequence: Q) -> None:
        """Put it at the end of the queue; there must be room for it alone."""
        self.waiting.append(sequence)

    @abstractmethod
    def joining(self) -> Iterator[Rows[Q]]:
        """Those of the waiting that may run now, as they are to be started together.

        Each group is started, or dropped, before the next is asked for.
        """

    def start(self, group: Rows[Q]) -> None:
        """Let the waiting run, all of the group or none of it.

        Raises:
            Exception: what they need can't be had; they hold nothing of it and still wait.
        """
        self._hold(group)
        for sequence in group:
            self.waiting.remove(sequence)
            self.running.append(sequence)

    def drop(self, sequence: Q) -> None:
        """Forget a sequence wherever it is; what it holds is free."""
        (self.running if sequence in self.running else self.waiting).remove(sequence)
        self._release(sequence)

    @abstractmethod
    def _hold(self, group: Rows[Q]) -> None:
        """Take what they need while they run, or raise and have taken nothing."""

    @abstractmethod
    def _release(self, sequence: Q) -> None:
        """Give back all that it holds, whether it ran or not."""
