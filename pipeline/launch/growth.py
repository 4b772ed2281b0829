"""A sweep that gets repeats until it knows enough: when that is, and when it never can be."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from math import isinf
from pathlib import Path

from rich.console import Console

from pipeline.compare.comparison import assemble
from pipeline.compare.ratios import Ratio
from pipeline.compare.stopping import intervals, reach
from pipeline.errors import Unreadable, UsageError
from pipeline.launch.job import Job
from pipeline.launch.manifest import add_look
from pipeline.launch.order import asked
from pipeline.metrics.until import percent
from pipeline.tracking.run_directory import CONFIG, RunDirectory


def repeats(jobs: Sequence[Job]) -> int:
    """How many repeats they are, counted from 0."""
    return 1 + max(job.config.repeat for job in jobs)


def check_growth(jobs: Sequence[Job]) -> None:
    """Refuse to add repeats where no interval would come of it, or without end.

    Raises:
        UsageError: saying which, and what to give instead.
    """
    if not jobs or jobs[0].config.until.half_width is None:
        return
    until, now = jobs[0].config.until, repeats(jobs)
    last = [job for job in jobs if job.config.repeat == now - 1]
    given = f"until.half_width={until.half_width:g}"
    if max(Counter(map(asked, last)).values()) < 2:
        raise UsageError(
            f"{given}: an interval is one of a ratio, and no two jobs are asked the same; sweep "
            "over engine= or arm="
        )
    if now > until.max_repeats:
        raise UsageError(
            f"until.max_repeats={until.max_repeats}: {now} repeats are asked for already; raise it"
        )
    most = len(jobs) + len(last) * (until.max_repeats - now)
    if most > (limit := jobs[0].config.limits.jobs):
        raise UsageError(
            f"until.max_repeats={until.max_repeats}: may come to {most:,} jobs, over "
            f"limits.jobs={limit}; lower the one, or raise the other"
        )


def added(sweep: Path) -> int:
    """How many repeats are in a sweep's directory, counted from 0."""
    found = [0]
    for each in sweep.iterdir() if sweep.is_dir() else ():
        with suppress(Unreadable, TypeError, ValueError):
            if RunDirectory(each).has(CONFIG):
                found.append(1 + int(RunDirectory(each).config().get("repeat", 0)))
    return max(found)


def wants_more(jobs: Sequence[Job], root: Path, console: Console) -> bool:
    """Whether another repeat is to be added to jobs that have run; says why, or why not."""
    until, now = jobs[0].config.until, repeats(jobs)
    if until.half_width is None:
        return False
    if now < until.fewest:
        return True
    found = _ratios(root)
    if not found:
        console.print("no repeat is added: no two runs can be paired", soft_wrap=True)
        return False
    widest, known = max(map(reach, found)), min(len({*each.repeats}) for each in found)
    add_look(root, now, widest)
    met, full = until.met([widest], known), now >= until.max_repeats
    wanted = percent(until.half_width)
    then = "no more are allowed (until.max_repeats)" if full else "another is added"
    console.print(
        f"after {now} repeats, {_far(widest)}, where {wanted} is asked for: "
        f"{'narrow enough' if met else then}",
        soft_wrap=True,
    )
    return not (met or full)


def _far(widest: float) -> str:
    if isinf(widest):
        return "some ratios have no interval"
    return f"intervals reach up to \u00b1{percent(widest)}"


def _ratios(root: Path) -> list[Ratio]:
    try:
        return intervals(assemble([root]))
    except UsageError:
        return []
