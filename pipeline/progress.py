"""What a person sees while a job runs: bars on a terminal, nothing elsewhere."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from pipeline.metrics.timeline import Iteration, RequestRecord


class Progress:
    """Bars for a sweep's jobs, a job's stages and its iterations.

    They are drawn only between stages and iterations, never by a thread of their own, so nothing
    runs beside the measurement.
    """

    def __init__(self, job: int, jobs: int) -> None:
        console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )
        self._sweep = self._bars.add_task("jobs", total=jobs, completed=job, visible=jobs > 1)
        self._stage = self._bars.add_task("set up", total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._bars.update(self._stage, description=name, total=None, completed=0)
        self._bars.refresh()

    def counting(
        self, iterations: int, keep: Callable[[Iteration, list[RequestRecord]], None]
    ) -> Callable[[Iteration, list[RequestRecord]], None]:
        """`keep`, which also moves the bar on by one iteration."""
        self._bars.update(self._stage, description="measure", total=iterations, completed=0)
        self._bars.refresh()

        def kept(iteration: Iteration, records: list[RequestRecord]) -> None:
            keep(iteration, records)
            self._bars.update(self._stage, completed=iteration.index + 1)
            self._bars.refresh()

        return kept

    def done(self) -> None:
        """The job is done."""
        self._bars.advance(self._sweep)
        self._bars.refresh()
