"""How a job ended, and whether its figures may be believed."""

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Self

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError

FORMAT = 2
"""Of a run directory's files. Format 1 had no number; its trace's hash covered no arrivals."""


UNREADABLE = "UNREADABLE"
"""What is said in a state's place of a job whose files are damaged."""


class State(StrEnum):
    """A job's state; all but RUNNING are final."""

    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    TIMED_OUT = "TIMED_OUT"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"


@dataclass(frozen=True)
class Status:
    """The content of `status.json`.

    Attributes:
        id: names this cell for ever; MLflow's run is found by it, so a redone job stays one run.
        state: how the job stands.
        started: wall-clock time of the start, ISO 8601 with zone.
        finished: the same for the end; None while it runs.
        cause: one line that says why a job did not finish; None when it did.
        validity: VALID or INVALID; None until the run has checked its own output.
        reasons: why a run is INVALID, one line each.
        cautions: what a reader should know of a run that counts all the same, one line each.
        attempt: 1 for the first try, one more each time the job is redone.
        format: of the files beside it.
    """

    id: str
    state: State
    started: str
    finished: str | None = None
    cause: str | None = None
    validity: str | None = None
    reasons: tuple[str, ...] = ()
    attempt: PositiveInt = 1
    cautions: tuple[str, ...] = ()
    format: int = FORMAT

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """The status that `to_json` wrote, now or in an earlier format.

        Raises:
            ValueError: it is no such status.
            UsageError: it is of a format that is newer than this program.
        """
        number = row.get("format", 1)
        if number > FORMAT:
            raise UsageError(
                f"run {row['id']} is of format {number}, and this program reads up to {FORMAT}; "
                "read it with the program that wrote it, or a newer one"
            )
        return cls(**dict(row) | {"format": number})

    def to_json(self) -> dict[str, Any]:
        """A JSON object of plain values."""
        return asdict(self) | {"state": str(self.state)}
