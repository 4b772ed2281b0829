"""A search over runs: what it asks for, what it keeps, and how it goes on after a death."""

from dataclasses import replace
from math import ceil

import pytest
from rich.console import Console

from pipeline import capacity
from pipeline.attempt import begin
from pipeline.capacity import PROBES, search
from pipeline.config import load
from pipeline.errors import UsageError
from pipeline.job import Job, Outcome, ended
from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.files import append_jsonl
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

CONSOLE = Console(quiet=True)
EDGE = 30.0
"""Requests a second that the imitated engine keeps up with."""

ROW = RequestRecord(0, 0, "json", 3, 0.0, 0.0, 0.0, 0.0, (0.01,), 0.01, (5,))


@pytest.fixture
def job(values, tmp_path):
    def made(*overrides):
        resolved = values("+experiment=capacity", "tracking=none", *overrides)
        return Job(resolved, load(resolved), RunDirectory(tmp_path / "search"), overrides)

    return made


@pytest.fixture
def imitated(monkeypatch):
    """Runs that end at once, as an engine of that capacity would end; the jobs it was given."""

    def install(edge=EDGE, state=State.FINISHED, reasons=(), dies_at=None):
        asked = []

        def attempt(run, id_):
            status = begin(run, id_)
            asked.append(run)
            rate = run.config.workload.arrivals.rate
            waits = 0.01 if rate <= edge else 9.0
            rows = [replace(ROW, id=k, tokens=(waits,), finished=waits) for k in range(200)]
            append_jsonl(run.directory.path / "requests.jsonl", (row.to_json() for row in rows))
            served = min(rate, 1.4 * edge or 42.0)
            run.directory.write_json("metrics.json", {"requests_per_s": served})
            run.directory.write_json("environment.json", {"threads": 1})
            run.directory.write_json("trace.json", {"sha256": "abc"})
            if len(asked) == dies_at:
                raise KeyboardInterrupt
            status = ended(status, Outcome(state, "why" if state != "FINISHED" else None, reasons))
            run.directory.write_status(status)
            return status

        monkeypatch.setattr(capacity, "attempt", attempt)
        return asked

    return install


def test_the_capacity_is_found_and_every_run_is_kept(job, imitated):
    asked = imitated()
    mine = job()
    status = search(mine, "id", CONSOLE)
    assert (status.state, status.validity) == (State.FINISHED, "VALID")
    metrics = mine.directory.json("metrics.json")
    assert metrics["capacity_rps/low"] <= EDGE < metrics["capacity_rps/high"]
    assert metrics["capacity_attainment/below"] == 1 > metrics["capacity_attainment/above"]
    document = mine.directory.json("capacity.json")
    assert document["doubts"] == []
    assert sum(len(each["runs"]) or 1 for each in document["probes"]) == len(asked)
    folders = sorted(path.name for path in (mine.directory.path / PROBES).iterdir())
    assert folders == [f"{number:02}" for number in range(len(asked))]
    assert mine.directory.json("trace.json")["sha256"] == "abc"


def test_runs_differ_in_rate_and_seed_alone(job, imitated):
    asked = imitated()
    mine = job()
    search(mine, "id", CONSOLE)
    seen = set()
    for run in asked:
        workload = run.values["workload"]
        assert run.values["capacity"] is None and run.config.capacity is None
        assert workload["rate"] == workload["arrivals"]["rate"]
        assert workload["requests"] == workload["arrivals"]["requests"]
        lasting = 0 if run is asked[0] else workload["rate"] * mine.config.capacity.seconds
        assert workload["requests"] == max(150, ceil(lasting))
        place = (workload["rate"], workload["seeds"]["arrivals"])
        assert place not in seen
        seen.add(place)
    assert {seed for _, seed in seen} == {0, 1}
    assert mine.values["workload"]["rate"] != asked[0].values["workload"]["rate"]


def test_a_search_that_was_interrupted_goes_on_where_it_stopped(job, imitated):
    mine = job()
    imitated(dies_at=4)
    with pytest.raises(KeyboardInterrupt):
        search(mine, "id", CONSOLE)
    assert mine.directory.status().cause == "interrupted"
    assert len(mine.directory.json("capacity.json")["probes"]) >= 2
    asked = imitated()
    status = search(mine, "id", CONSOLE)
    assert (status.state, status.attempt) == (State.FINISHED, 2)
    assert asked[0].directory.path.name == "03"
    resumed = mine.directory.json("metrics.json")
    imitated()
    other = replace(mine, directory=RunDirectory(mine.directory.path.with_name("other")))
    search(other, "id", CONSOLE)
    assert other.directory.json("metrics.json") == resumed


def test_a_run_that_dies_ends_the_search_with_its_cause(job, imitated):
    asked = imitated(state=State.TIMED_OUT)
    status = search(job(), "id", CONSOLE)
    assert status.state is State.TIMED_OUT
    assert status.cause == "00: workload.rate=1000 repeat 0: why"
    assert len(asked) == 1


def test_an_invalid_run_makes_the_search_invalid(job, imitated):
    imitated(reasons=("late",))
    status = search(job(), "id", CONSOLE)
    assert status.validity == "INVALID"
    assert "workload.rate=1000 repeat 0: late" in status.reasons


def test_limits_that_nobody_can_keep_are_a_reason(job, imitated):
    imitated(edge=0)
    status = search(job(), "id", CONSOLE)
    assert status.validity == "INVALID"
    assert status.reasons[-1].startswith("no capacity: the limits were kept nowhere")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("slo={ttft: null, tpot: null, e2e: null}", "needs a limit"),
        ("workload/arrivals=batch", "workload/arrivals=poisson"),
        ("capacity.attainment=1.5", "attainment"),
        ("capacity.precision=0", "precision"),
        ("+capacity.guess=1", "guess"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(override, said, config):
    with pytest.raises(UsageError, match=said):
        config("+experiment=capacity", override)


def test_a_real_engine_is_searched(job):
    """Coarsely, at four rates; what is found so is left to chance."""
    mine = job(
        *("engine=peft_hotswap", "isolation=inline", "workload.requests=20"),
        *("capacity.precision=1", "capacity.repeats=1", "workload.max_new_tokens=8"),
        *("capacity.seconds=0.5", "capacity.rates=4"),
    )
    status = search(mine, "id", CONSOLE)
    assert status.state is State.FINISHED, status.cause
    probes = mine.directory.json("capacity.json")["probes"]
    assert 1 < len(probes) <= 4
    assert probes[0]["share"] >= probes[-1]["share"] < 1 and probes[-1]["rate"] == 1000
    for probe in (mine.directory.path / PROBES).iterdir():
        assert len(RunDirectory(probe).requests()) >= 20
