"""A job with a `capacity` section: runs at one rate after another, until the limit is found.

Each run is a job of its own, in a process and a directory of its own, so whatever becomes of the
search, nothing measured is lost: started again, it takes the finished runs as they are.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console

from pipeline.compare.run import read_run
from pipeline.config.load import load
from pipeline.config.renamed import current
from pipeline.errors import UsageError
from pipeline.launch.attempt import STAYS, attempt, begin, finished
from pipeline.launch.job import Job, Outcome, recorded
from pipeline.launch.launchers.launcher import Attempt
from pipeline.launch.like_runs import doubted, parted
from pipeline.metrics.attainment import Probe
from pipeline.metrics.capacity import Capacity, Search, capacity, following
from pipeline.metrics.slo import met
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

PROBES = "probes"
"""Folder of the runs, numbered in the order they were made."""

APART = 1000
"""Seeds of one run and the next differ by so much: more than searches to be compared differ by."""

FROM_FIRST = ("environment.json", "trace.json")
"""What a search takes over from its first run, which is the same for every engine."""


def search(job: Job, id_: str, console: Console, run: Attempt | None = None) -> Status:
    """Find the capacity, write `capacity.json` and `metrics.json`; how it ended.

    Runs that are there and have finished are taken as they are, unless the whole search had
    finished and `redo` asks for it again.

    Args:
        job: with the search's settings.
        id_: of the job.
        console: where it is told how far the search has come.
        run: runs each of them; on this machine unless given.
    """
    anew = job.config.redo != "unfinished" and _is_whole(job)
    status = begin(job, id_, STAYS if anew else (*STAYS, PROBES))
    return recorded(job.directory, status, partial(_searched, job, id_, console, run or attempt))


def _searched(job: Job, id_: str, console: Console, attempt: Attempt) -> Outcome:
    """The first run tells where to look and no more: what is wrong with it doesn't count."""
    settings = _settings(job)
    probes: list[Probe] = []
    reasons: list[str] = []
    cautions: list[str] = []
    for run in _runs(job, probes):
        status = run.directory.status() if _made(run) else _probe(run, id_, attempt)
        if status.state is not State.FINISHED:
            return Outcome(status.state, f"{run.directory.path.name}: {run.label}: {status.cause}")
        if probes:
            reasons += [f"{run.label}: {each}" for each in status.reasons]
            cautions += [f"{run.label}: {each}" for each in status.cautions]
        probes.append(_measured(run))
        found = capacity(probes, settings)
        _write(job.directory, run.directory, found, settings)
        _say(found, settings, console)
    made = [read_run(_folder(job, number)) for number in range(len(probes))]
    return Outcome(
        State.FINISHED,
        reasons=(*reasons, *found.doubts(settings), *parted(made)),
        cautions=(*_summed(cautions), *doubted(made)),
    )


def _summed(cautions: list[str]) -> tuple[str, ...]:
    """One line for those of all runs, which keep their own."""
    others = f" (and {len(cautions) - 1} more, see {PROBES}/)" if len(cautions) > 1 else ""
    return tuple(f"{first}{others}" for first in cautions[:1])


def _runs(job: Job, probes: list[Probe]) -> Iterator[Job]:
    """The next run, as long as what `probes` has grown to asks for one."""
    settings = _settings(job)
    while (rate := following(probes, settings)) is not None:
        yield _at(job, rate, number=len(probes))


def _at(job: Job, rate: float, number: int) -> Job:
    """The run of that number: other requests, at other times, than any run before it."""
    values = deepcopy(job.values)
    workload = values["workload"]
    counted, run_in = _settings(job).counts(
        rate, job.config.slo, workload["requests"], first=number == 0
    )
    workload["rate"] = workload["arrivals"]["rate"] = rate
    workload["requests"] = workload["arrivals"]["requests"] = counted + run_in
    workload["run_in"] = {"seconds": None, "requests": run_in or None}
    workload["seeds"] = {name: seed + number * APART for name, seed in workload["seeds"].items()}
    values["capacity"] = None
    return Job(
        values=values,
        config=load(values),
        directory=RunDirectory(_folder(job, number)),
        overrides=(f"workload.rate={rate:g}",),
    )


def _folder(job: Job, number: int) -> Path:
    return job.directory.path / PROBES / f"{number:02}"


def _settings(job: Job) -> Search:
    assert job.config.capacity is not None
    return job.config.capacity


def _made(run: Job) -> bool:
    """Whether an earlier attempt at the search has finished this very run."""
    return _is_whole(run) and current(run.directory.config()) == run.values


def _is_whole(job: Job) -> bool:
    """Whether it has finished, and can be read."""
    try:
        return finished(job.directory)
    except UsageError:
        return False


def _probe(run: Job, id_: str, attempt: Attempt) -> Status:
    with claimed(run.directory.path) as lock:
        return attempt(run, f"{id_}/{PROBES}/{run.directory.path.name}", lock)


def _measured(run: Job) -> Probe:
    rows, served = run.directory.measured(), run.directory.json("metrics.json")["requests_per_s"]
    good = sum(met(row, run.config.slo) for row in rows)
    return Probe(run.values["workload"]["rate"], good, len(rows), served)


def _write(directory: RunDirectory, run: RunDirectory, found: Capacity, settings: Search) -> None:
    """All that is known by now, so that a search that dies has said how far it came."""
    probes = [asdict(each) | {"share": each.share} for each in found.probes]
    document = {**found.metrics(), "doubts": found.doubts(settings), "search": asdict(settings)}  # type: ignore[call-overload]
    directory.write_json("capacity.json", document | {"probes": probes})
    directory.write_json("metrics.json", found.metrics())
    for name in FROM_FIRST:
        if not directory.has(name):
            directory.write_json(name, run.json(name))


def _say(found: Capacity, settings: Search, console: Console) -> None:
    last, number = found.probes[-1], len(found.probes)
    kept = f"{last.share:.1%} of {last.requests} kept the limits"
    known = f"; capacity {found.low:.4g} to {found.high:.4g}" if found.high else ""
    line = f"  {number}/{settings.runs}: {last.rate:g} requests/s: {kept}{known}"
    console.print(line, markup=False, highlight=False, soft_wrap=True)
