"""One job: what is run and where, and the status it is given before and after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from pipeline.config.load import load
from pipeline.config.renamed import current
from pipeline.config.run_config import RunConfig
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status


@dataclass(frozen=True)
class Job:
    """A validated run and where it goes.

    Attributes:
        values: the resolved configuration, as plain values, without what it doesn't read.
        config: the same, typed.
        directory: where its files go.
        overrides: what the user typed for it.
        number: its place in the sweep, from 0.
        total: how many jobs the sweep has.
        unused: those of the overrides that change nothing in this job, and why.
    """

    values: dict[str, Any]
    config: RunConfig
    directory: RunDirectory
    overrides: tuple[str, ...]
    number: int = 0
    total: int = 1
    unused: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def stored(cls, directory: RunDirectory) -> Self:
        """The job whose configuration a directory holds.

        Raises:
            UsageError: it is damaged, or no configuration that this program knows.
        """
        values = current(directory.config())
        return cls(values, load(values), directory, overrides=())

    @property
    def label(self) -> str:
        """What tells it from the others, for people."""
        return " ".join(self.overrides) or self.config.engine.name


@dataclass(frozen=True)
class Outcome:
    """How a job's process ended."""

    state: State
    cause: str | None = None
    reasons: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


def recorded(directory: RunDirectory, status: Status, work: Callable[[], Outcome]) -> Status:
    """Do the work of a job and write its last status; how it ended.

    Args:
        directory: of the job.
        status: the one it began with.
        work: what is done.
    """
    try:
        outcome = work()
    except KeyboardInterrupt as stopped:
        directory.write_status(ended(status, interrupted(stopped)))
        raise
    status = ended(status, outcome)
    directory.write_status(status)
    return status


def interrupted(stopped: KeyboardInterrupt) -> Outcome:
    """How a job ended that was told to stop."""
    return Outcome(State.KILLED, str(stopped) or "interrupted")


def now() -> str:
    """Wall-clock time, ISO 8601 with zone."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def ended(status: Status, outcome: Outcome) -> Status:
    """The last status of a job that ended so, now."""
    finished = outcome.state is State.FINISHED
    validity = ("INVALID" if outcome.reasons else "VALID") if finished else None
    return replace(
        status,
        state=outcome.state,
        finished=now(),
        cause=outcome.cause,
        validity=validity,
        reasons=outcome.reasons,
        cautions=outcome.cautions,
    )
