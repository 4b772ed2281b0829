"""The contract of a tracker, a view of run directories that may be away or behind; and none."""

from abc import ABC, abstractmethod
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT


class TrackingUnavailable(Exception):
    """The view can't take a run now. The run directory has everything: sync brings it in later.

    The message is one line.
    """


class RunUnreadable(TrackingUnavailable):
    """The view is there, but what it is to show is damaged; all else was shown."""


class Tracker(ABC):
    """Shows run directories somewhere else; called when a job's own process has ended."""

    @abstractmethod
    def project(self, directory: Path) -> None:
        """Show one run directory, of a single run or of a sweep's job; again is the same.

        Raises:
            RunUnreadable: a file of the run is damaged.
            TrackingUnavailable: what is behind the view didn't answer.
        """

    @abstractmethod
    def project_sweep(self, sweep: Path) -> None:
        """Show a sweep: its jobs and the report over them; again is the same.

        Raises:
            RunUnreadable: its list of jobs is damaged, or files of jobs; the others are shown.
            TrackingUnavailable: what is behind the view didn't answer.
        """

    @abstractmethod
    def close_message(self, directory: Path) -> str:
        """One line that tells how to look at what was shown; empty when there is nothing.

        Args:
            directory: the run or the sweep that was shown.
        """


class TrackingSettings(ABC):
    """Settings of the `tracking` group."""

    @abstractmethod
    def tracker(self) -> Tracker:
        """The tracker these settings describe. Nothing is opened yet.

        Raises:
            UsageError: it can't be had here, as a package is missing.
        """


@dataclass(frozen=True, config=STRICT)
class NoTracking(TrackingSettings):
    """Settings of `tracking=none`."""

    name: str

    def tracker(self) -> Tracker:
        """A tracker that shows nothing."""
        return Untracked()


class Untracked(Tracker):
    """Shows nothing, and so is never away."""

    def project(self, directory: Path) -> None:
        """Leave the run where it is."""

    def project_sweep(self, sweep: Path) -> None:
        """Leave the sweep where it is."""

    def close_message(self, directory: Path) -> str:
        """There is nothing to look at."""
        return ""
