"""No view at all: the run directory is enough."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.settings import STRICT
from pipeline.tracking.tracker import Tracker, TrackingSettings


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
