"""A sweep's jobs over the places of a launcher: a block, all of it, in one of them."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue

from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Attempt, Launcher
from pipeline.launch.order import asked
from pipeline.tracking.status import State

Run = Callable[[Job, Attempt], State | None]
"""Gives a job its turn in a place; how it ended."""


def spread(jobs: Sequence[Job], launcher: Launcher, run: Run) -> list[State | None]:
    """Run jobs in their order, all that are asked the same in one repeat on one machine in turn.

    What is divided later was thus measured on one machine, one after the other. A place takes the
    next block when it has done one.
    """
    if launcher.places == 1:
        with launcher.place() as attempt:
            return [run(job, attempt) for job in jobs]
    waiting: SimpleQueue[list[Job]] = SimpleQueue()
    blocks = blocks_of(jobs)
    for block in blocks:
        waiting.put(block)

    def work() -> list[State | None]:
        ended: list[State | None] = []
        with launcher.place() as attempt:
            while True:
                try:
                    block = waiting.get_nowait()
                except Empty:
                    return ended
                ended += [run(job, attempt) for job in block]

    workers = min(launcher.places, len(blocks))
    with ThreadPoolExecutor(workers or 1) as pool:
        found = [pool.submit(work) for _ in range(workers)]
        return [state for each in found for state in each.result()]


def blocks_of(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that are asked the same in one repeat, together, in the order of their first ones."""
    blocks: dict[Hashable, list[Job]] = {}
    for job in jobs:
        blocks.setdefault((job.config.repeat, asked(job)), []).append(job)
    return [*blocks.values()]
