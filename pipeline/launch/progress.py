"""What a person sees while a job runs: bars on a terminal, nothing elsewhere."""

from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from pipeline.metrics.timeline import Iteration, RequestRecord


class _Count(ProgressColumn):
    """How many of how many, and the time that the others will take, where that can be known."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text()
        left = f", {task.time_remaining:.0f} s left" if task.time_remaining else ""
        return Text(f"{task.completed:.0f} of {task.total:.0f}{left}")


class ProgressBars:
    """Bars for a sweep's jobs, a job's stages and its iterations.

    They are drawn only between stages and iterations, never by a thread of their own, so nothing
    runs beside the measurement.
    """

    def __init__(self, job: int, jobs: int) -> None:
        console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            _Count(),
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

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._next(name, None)

    def counting(
        self, iterations: int, keep: Callable[[Iteration, list[RequestRecord]], None]
    ) -> Callable[[Iteration, list[RequestRecord]], None]:
        """`keep`, which also moves the bar on by one iteration."""
        self._next("measure", iterations)

        def kept(iteration: Iteration, records: list[RequestRecord]) -> None:
            keep(iteration, records)
            self._bars.update(self._stage, completed=iteration.index + 1)
            self._bars.refresh()

        return kept

    def _next(self, stage: str, total: int | None) -> None:
        self._bars.remove_task(self._stage)
        self._stage = self._bars.add_task(stage, total=total)
        self._bars.refresh()

    def done(self) -> None:
        """The job is done."""
        self._bars.advance(self._sweep)
        self._bars.refresh()
