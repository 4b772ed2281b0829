"""What the operations of a program take, measured inside its native call."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.kernels.program import Operation


@dataclass(frozen=True)
class OperationTime:
    """Of one operation, over all steps since the last restart.

    Attributes:
        operation: the one.
        wall_s: from its beginning to its end.
        worked_s: of all threads, while they had something to do.
    """

    operation: Operation
    wall_s: float
    worked_s: float

    def __truediv__(self, steps: int) -> "OperationTime":
        """Of the mean step."""
        return OperationTime(self.operation, self.wall_s / steps, self.worked_s / steps)


@dataclass(frozen=True)
class StepTimes:
    """Adds up while its program is executed.

    A thread that wakes up, waits for another, or finds nothing left to take, doesn't work; nor does
    any while the caller gets an operation ready. Beside a busy neighbour a thread that lost its
    processor counts as working.

    Attributes:
        operations: of the program.
        threads: that the loops are shared out among.
        native: where the kernels add it up, one structure an operation.
    """

    operations: Sequence[Operation]
    threads: int
    native: Any

    def restart(self) -> None:
        """Forget what was added up."""
        ctypes.memset(self.native, 0, ctypes.sizeof(self.native))

    def __iter__(self) -> Iterator[OperationTime]:
        for operation, time in zip(self.operations, self.native, strict=True):
            yield OperationTime(operation, time.wall / 1e9, time.worked / 1e9)
