"""A sweep's jobs over the places of a launcher: a block, all of it, in one of them."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from threading import Event

from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Launcher, PlaceLost, Workplace
from pipeline.launch.order import asked
from pipeline.tracking.status import State

Run = Callable[[Job, Workplace], State | None]
"""Gives a job its turn in a place; how it ended."""


def spread(jobs: Sequence[Job], launcher: Launcher, run: Run) -> list[State | None]:
    """Run jobs in their order, all that are asked the same in one repeat on one machine in turn.

    What is divided later was thus measured on one machine, one after the other. Of a machine that
    is lost the block goes back to the others if none of its jobs has run; else the rest of it is
    left, for elsewhere it would pair with nothing.

    Returns:
        How each ended; None of those that were left.
    """
    if launcher.places == 1:
        return _in_one(jobs, launcher, run)
    work = _Work(jobs, launcher, run)
    workers = min(launcher.places, len(jobs)) or 1
    with ThreadPoolExecutor(workers) as pool:
        try:
            done = [pool.submit(work.take) for _ in range(workers)]
            wait(done, return_when=FIRST_EXCEPTION)
            ended = [state for each in sorted(done, key=_sound) for state in each.result()]
        except BaseException:
            work.stop()
            raise
    return ended + [None] * (len(jobs) - len(ended))


def _in_one(jobs: Sequence[Job], launcher: Launcher, run: Run) -> list[State | None]:
    ended: list[State | None] = []
    with launcher.place() as place:
        for job in jobs:
            try:
                ended.append(run(job, place))
            except PlaceLost:
                break
    return ended + [None] * (len(jobs) - len(ended))


def _sound(done: Future[list[State | None]]) -> bool:
    """Whether it raised nothing, as far as is known: what did is told first."""
    return not (done.done() and done.exception())


class _Work:
    """Blocks that wait for a place."""

    def __init__(self, jobs: Sequence[Job], launcher: Launcher, run: Run) -> None:
        self._launcher, self._run, self._stopped = launcher, run, Event()
        self._waiting: SimpleQueue[list[Job]] = SimpleQueue()
        for block in blocks_of(jobs):
            self._waiting.put(block)

    def take(self) -> list[State | None]:
        """Run block after block in a place, as long as there are any; how their jobs ended."""
        ended: list[State | None] = []
        with self._launcher.place() as place:
            while (block := self._next()) is not None:
                for turn, job in enumerate(block):
                    if self._stopped.is_set():
                        return ended
                    try:
                        ended.append(self._run(job, place))
                    except PlaceLost:
                        if turn == 0:
                            self._waiting.put(block)
                        return ended
        return ended

    def stop(self) -> None:
        """Begin nothing more, and end what runs."""
        self._stopped.set()
        self._launcher.stop()

    def _next(self) -> list[Job] | None:
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None


def blocks_of(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that are asked the same in one repeat, together, in the order of their first ones."""
    blocks: dict[Hashable, list[Job]] = {}
    for job in jobs:
        blocks.setdefault((job.config.repeat, asked(job)), []).append(job)
    return [*blocks.values()]
