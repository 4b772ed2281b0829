"""Arrivals at the stamps of a file."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.arrivals.process import Arrivals, Slot
from pipeline.workload.column import read_column
from pipeline.workload.ranges import Count, Factor

KEY = "workload.arrivals.path"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class StampedArrivals(Arrivals):
    """Settings of `workload/arrivals=replay`.

    Attributes:
        name: what the user typed.
        path: a file with a stamp a line, in seconds from the start; or a CSV file.
        column: the column of the CSV file; None for a plain list.
        requests: take so many, from the first on; None takes all.
        speed: so many times as fast: stamps are divided by it.
    """

    name: str
    path: Path
    column: str | None = None
    requests: Count | None = None
    speed: Factor = 1.0

    @property
    def random(self) -> bool:
        """The stamps are in the file."""
        return False

    def slots(self, rng: Random) -> tuple[Slot, ...]:
        """The stamps, in the file's order."""
        return tuple(Slot(0, stamp / self.speed) for stamp in self._stamps())

    def groups(self) -> Sequence[int]:
        """All may be in the engine together."""
        return [len(self._stamps())]

    def _stamps(self) -> list[float]:
        cells = read_column(KEY, self.path, self.column, self.requests)
        if self.requests is not None and self.requests > len(cells):
            raise UsageError(
                f"workload.arrivals.requests={self.requests}: {self.path} has {len(cells)}"
            )
        stamps = [cell.seconds() for cell in cells]
        for cell, (before, after) in zip(cells[1:], pairwise(stamps), strict=True):
            if after < before:
                raise UsageError(f"{cell.where}: {after} comes after {before}; sort the stamps")
        return stamps
