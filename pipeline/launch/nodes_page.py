"""What the terminal shows of a sweep on several machines: a line for each place where jobs run.

It stands below what is said of jobs one after another. Where there is no terminal, it is printed
once, in the end.
"""

from time import monotonic
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import PlaceLost, Workplace
from pipeline.launch.remaining_time import clock
from pipeline.launch.spread import Run
from pipeline.launch.sweep_progress import SweepProgress
from pipeline.tracking.status import State

REDRAWS_PER_S = 0.5
"""Few: the machine of the command may be one of the nodes."""


class NodesPage:
    """By place: what runs there and for how long, how many jobs have finished and failed."""

    def __init__(self, progress: SweepProgress, console: Console) -> None:
        """Begin with no place.

        Args:
            progress: of the sweep.
            console: of the terminal.
        """
        self._progress = progress
        self._lines: dict[Workplace, _Line] = {}
        self._live = Live(
            console=console,
            get_renderable=self._page,
            refresh_per_second=REDRAWS_PER_S,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        if not self._live.console.is_terminal:
            self._live.console.line()

    def showing(self, run: Run) -> Run:
        """The same, which is shown where it runs."""

        def shown(job: Job, place: Workplace) -> State | None:
            line = self._lines.setdefault(place, _Line())
            line.begins(job)
            try:
                state = run(job, place)
            except PlaceLost:
                line.gone = True
                raise
            finally:
                line.runs = None
            line.ended(state)
            return state

        return shown

    def _page(self) -> Table:
        """As it stands now; called by the thread that draws, too."""
        lines = [*self._lines.items()]
        page = Table(box=None, pad_edge=False, expand=True, caption=self._caption())
        page.caption_justify = "left"
        page.add_column("node", no_wrap=True, max_width=24, overflow="ellipsis")
        page.add_column("runs", no_wrap=True, overflow="ellipsis", ratio=1)
        for title in ("for", "finished", "failed"):
            page.add_column(title, justify="right", no_wrap=True)
        for place, line in sorted(lines, key=lambda each: each[0].name):
            page.add_row(Text(place.name), *line.cells(self._progress))
        return page

    def _caption(self) -> Text:
        lines = [*self._lines.values()]
        said = [f"{sum(line.finished for line in lines)} finished"]
        if failed := sum(line.failed for line in lines):
            said.append(f"{failed} failed")
        if waiting := self._progress.waiting:
            said.append(f"{waiting} wait")
        if (left := self._progress.left()) and any(line.runs for line in lines):
            said.append(f"about {clock(left)} left")
        return Text(" · ".join(said))


class _Line:
    """What is known of a place."""

    def __init__(self) -> None:
        self.runs: Job | None = None
        self.gone = False
        self.finished = self.failed = 0
        self._since = 0.0

    def begins(self, job: Job) -> None:
        self._since, self.runs = monotonic(), job

    def ended(self, state: State | None) -> None:
        """Count it, unless another process has it."""
        self.finished += state is State.FINISHED
        self.failed += state not in (State.FINISHED, None)

    def cells(self, progress: SweepProgress) -> tuple[Text, ...]:
        runs = self.runs
        took = clock(monotonic() - self._since) if runs else ""
        does = progress.doing(runs) if runs else "gone" if self.gone else "nothing"
        return tuple(map(Text, (does, took, str(self.finished), str(self.failed))))
