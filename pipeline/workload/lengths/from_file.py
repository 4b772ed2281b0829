"""Lengths that somebody has counted: drawn from those in a file."""

from pathlib import Path
from random import Random

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.workload.column import read_column
from pipeline.workload.lengths.law import Lengths
from pipeline.workload.randomness import below


@dataclass(frozen=True, config=STRICT, kw_only=True)
class FromFile(Lengths):
    """Settings of `workload/lengths=from_file`.

    Attributes:
        name: what the user typed.
        path: a file with a number of tokens a line; or a CSV file.
        column: the column of the CSV file; None for a plain list.
    """

    name: str
    key = "workload.lengths.path"
    path: Path
    column: str | None = None

    def check(self) -> None:
        """The file must be whole."""
        self._lengths()

    def draw(self, count: int, rng: Random) -> list[int]:
        """Independent draws: each line is equally likely."""
        lengths = self._lengths()
        return [lengths[below(rng, len(lengths))] for _ in range(count)]

    def most(self) -> int:
        """The greatest in the file."""
        return max(self._lengths())

    def _lengths(self) -> list[int]:
        return [cell.whole() for cell in read_column("lengths.path", self.path, self.column)]
