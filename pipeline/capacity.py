"""A job with a `capacity` section: runs at one rate after another, until the limit is found.

Each run is a job of its own, in a process and a directory of its own, so whatever becomes of the
search, nothing measured is lost: started again, it takes the finished runs as they are.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from math import ceil

from rich.console import Console

from pipeline.attempt import STAYS, attempt, begin, finished
from pipeline.config import load
from pipeline.job import Job, Outcome, ended
from pipeline.metrics.capacity import Capacity, Probe, Search, capacity, following
from pipeline.metrics.slo import met
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status

PROBES = "probes"
"""Folder of the runs, numbered in the order they were made."""

FROM_FIRST = ("environment.json", "trace.json")
"""What a search takes over from its first run, which is the same for every engine."""


def search(job: Job, id_: str, console: Console) -> Status:
    """Find the capacity, write `capacity.json` and `metrics.json`; how it ended."""
    status = begin(job, id_, (*STAYS, PROBES))
    job.directory.write_status(status)
    try:
        outcome = _searched(job, id_, console)
    except KeyboardInterrupt:
        job.directory.write_status(ended(status, Outcome(State.FAILED, "interrupted")))
        raise
    status = ended(status, outcome)
    job.directory.write_status(status)
    return status


def _searched(job: Job, id_: str, console: Console) -> Outcome:
    settings = _settings(job)
    trials: list[Probe] = []
    reasons: list[str] = []
    for run in _runs(job, trials):
        status = run.directory.status() if finished(run.directory) else _probe(run, id_)
        if status.state is not State.FINISHED:
            return Outcome(status.state, f"{run.directory.path.name}: {run.label}: {status.cause}")
        reasons += [f"{run.label}: {each}" for each in status.reasons]
        trials.append(_measured(run))
        found = capacity(trials, settings)
        _write(job.directory, run.directory, found, settings)
        _say(trials[-1], settings, console)
    return Outcome(State.FINISHED, reasons=(*reasons, *found.doubts(settings)))


def _runs(job: Job, trials: list[Probe]) -> Iterator[Job]:
    """The next run, as long as what `trials` has grown to asks for one."""
    settings = _settings(job)
    while (rate := following(trials, settings)) is not None:
        repeat = sum(trial.rate == rate for trial in trials)
        yield _at(job, rate, repeat, number=len(trials))


def _at(job: Job, rate: float, repeat: int, number: int) -> Job:
    values, settings = deepcopy(job.values), _settings(job)
    workload = values["workload"]
    lasting = ceil(rate * settings.seconds) if rate != settings.start else 0
    workload["rate"] = workload["arrivals"]["rate"] = rate
    for section in (workload, workload["arrivals"]):
        section["requests"] = max(section["requests"], lasting)
    workload["seeds"]["arrivals"] += repeat
    values["capacity"] = None
    return Job(
        values=values,
        config=load(values),
        directory=RunDirectory(job.directory.path / PROBES / f"{number:02}"),
        overrides=(f"workload.rate={rate:g}", f"repeat {repeat}"),
    )


def _settings(job: Job) -> Search:
    assert job.config.capacity is not None
    return job.config.capacity


def _probe(run: Job, id_: str) -> Status:
    return attempt(run, f"{id_}/{PROBES}/{run.directory.path.name}")


def _measured(run: Job) -> Probe:
    rows, served = run.directory.requests(), run.directory.json("metrics.json")["requests_per_s"]
    good = sum(met(row, run.config.slo) for row in rows)
    return Probe(run.values["workload"]["rate"], good, len(rows), served)


def _write(directory: RunDirectory, run: RunDirectory, found: Capacity, settings: Search) -> None:
    """All that is known by now, so that a search that dies has said how far it came."""
    probes = [
        asdict(each) | {"share": each.share, "interval": each.interval(settings.confidence)}
        for each in found.probes
    ]
    document = {**found.metrics(), "doubts": found.doubts(settings), "search": asdict(settings)}  # type: ignore[call-overload]
    directory.write_json("capacity.json", document | {"probes": probes})
    directory.write_json("metrics.json", found.metrics())
    for name in FROM_FIRST:
        if not directory.has(name):
            directory.write_json(name, run.json(name))


def _say(trial: Probe, settings: Search, console: Console) -> None:
    low, high = trial.interval(settings.confidence)
    kept = f"{trial.share:.1%} of {trial.requests} kept the limits ({low:.1%} to {high:.1%})"
    console.print(f"  {trial.rate:g} requests/s: {kept}", markup=False, highlight=False)
