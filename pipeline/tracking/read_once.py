"""A run directory whose rows several readers want, one after another."""

from dataclasses import dataclass
from functools import cached_property

from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.run_directory import RunDirectory


@dataclass(frozen=True)
class ReadOnce(RunDirectory):
    """One whose rows are read when somebody first asks for them: for as long as a look takes."""

    def requests(self) -> tuple[RequestRecord, ...]:
        """The served requests, as they were at the first look.

        Raises:
            Unreadable: a row is damaged.
        """
        return self._rows_of_requests

    @cached_property
    def _rows_of_requests(self) -> tuple[RequestRecord, ...]:
        return super().requests()
