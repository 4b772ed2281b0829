"""A search over runs: what it asks for, what it keeps, and how it goes on after a death."""

from dataclasses import replace
from math import ceil

import pytest
from rich.console import Console

from pipeline.config.load import load
from pipeline.errors import UsageError
from pipeline.files.documents import append_jsonl
from pipeline.launch import capacity
from pipeline.launch.attempt import begin
from pipeline.launch.capacity import PROBES, search
from pipeline.launch.job import Job, Outcome, ended
from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from pipeline.workload.randomness import stream

CONSOLE = Console(quiet=True)
EDGE = 30.0
"""Requests a second that the imitated engine keeps up with."""

ROW = RequestRecord(0, 0, "json", 3, 0.0, 0.0, 0.0, 0.0, (0.01,), 0.01, (5,))


@pytest.fixture
def job(values, tmp_path):
    def made(*overrides):
        resolved = values("+experiment=capacity", "tracking=none", "capacity.runs=8", *overrides)
        return Job(resolved, load(resolved), RunDirectory(tmp_path / "search"), overrides)

    return made


@pytest.fixture
def imitated(monkeypatch):
    """Runs that end at once, as an engine of that capacity would end; the jobs it was given."""

    def install(edge=EDGE, state=State.FINISHED, reasons=(), dies_at=None, **more):
        asked = []

        def attempt(run, id_, lock):
            status = begin(run, id_)
            asked.append(run)
            rate = run.config.workload.arrivals.rate
            waits = 0.01 if rate <= edge else 9.0
            rows = [replace(ROW, id=k, tokens=(waits,), finished=waits) for k in range(450)]
            early_waits = more.get("run_in_waits", 0.01)
            early = replace(ROW, tokens=(early_waits,), finished=early_waits, run_in=True)
            rows += [replace(early, id=450 + k) for k in range(50)]
            append_jsonl(run.directory.path / "requests.jsonl", (row.to_json() for row in rows))
            served = min(rate, 1.4 * edge or 42.0)
            run.directory.write_json("metrics.json", {"requests_per_s": served})
            run.directory.write_json("environment.json", more.get("environment", {"threads": 1}))
            run.directory.write_json("trace.json", {"sha256": "abc"})
            if len(asked) == dies_at:
                raise KeyboardInterrupt
            cause = "why" if state != "FINISHED" else None
            status = ended(status, Outcome(state, cause, reasons, more.get("cautions", ())))
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
    assert metrics["capacity_rps"] == pytest.approx(EDGE, rel=0.1)
    document = mine.directory.json("capacity.json")
    assert document["doubts"] == []
    assert [each["rate"] for each in document["probes"]] == [
        run.values["workload"]["rate"] for run in asked
    ]
    assert document["probes"][-1]["share"] == metrics["capacity_attainment"]
    folders = sorted(path.name for path in (mine.directory.path / PROBES).iterdir())
    assert folders == [f"{number:02}" for number in range(len(asked))]
    assert mine.directory.json("trace.json")["sha256"] == "abc"


def test_every_run_has_requests_of_its_own_after_a_run_in(job, imitated):
    asked = imitated()
    mine = job("workload.seeds.arrivals=7")
    search(mine, "id", CONSOLE)
    gaps = set()
    for number, run in enumerate(asked):
        workload = run.values["workload"]
        assert run.values["capacity"] is None and run.config.capacity is None
        assert workload["rate"] == workload["arrivals"]["rate"]
        assert workload["requests"] == workload["arrivals"]["requests"]
        counted = max(240, ceil(workload["rate"] * 25)) if number else 240
        run_in = ceil(counted / 4) if number else None
        assert workload["requests"] == counted + (run_in or 0)
        assert run.config.workload.run_in.requests == run_in
        arrivals = run.config.workload.arrivals
        drawn = arrivals.slots(stream(run.config.workload.seeds.arrivals, "arrivals"))
        gaps.add(round(drawn[0].scheduled_s * arrivals.rate, 6))
    assert len(gaps) == len(asked)
    assert len({run.values["workload"]["seeds"]["prompts"] for run in asked}) == len(asked)
    assert asked[0].values["workload"]["seeds"] == mine.values["workload"]["seeds"]
    assert mine.values["workload"]["rate"] != asked[0].values["workload"]["rate"]


def test_the_run_in_isnt_judged(job, imitated):
    """Every tenth row is the run-in's, and late: below the edge all others keep the limits."""
    imitated(run_in_waits=9.0)
    mine = job()
    assert search(mine, "id", CONSOLE).validity == "VALID"
    shares = {
        each["rate"]: each["share"] for each in mine.directory.json("capacity.json")["probes"]
    }
    assert {share for rate, share in shares.items() if rate <= EDGE} == {1.0}


def test_a_search_that_was_interrupted_goes_on_where_it_stopped(job, imitated):
    mine = job()
    imitated(dies_at=4)
    with pytest.raises(KeyboardInterrupt):
        search(mine, "id", CONSOLE)
    assert mine.directory.status().cause == "interrupted"
    assert len(mine.directory.json("capacity.json")["probes"]) == 3
    asked = imitated()
    status = search(mine, "id", CONSOLE)
    assert (status.state, status.attempt) == (State.FINISHED, 2)
    assert asked[0].directory.path.name == "03"
    resumed = mine.directory.json("metrics.json")
    imitated()
    other = replace(mine, directory=RunDirectory(mine.directory.path.with_name("other")))
    search(other, "id", CONSOLE)
    assert other.directory.json("metrics.json") == resumed


BEFORE = {
    "threads": 1,
    "hostname": "here",
    "memory": {"total_bytes": 2**34},
    "hashes": {"model": "5a", "adapters": "5a"},
}


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        ({"hashes": {"model": "6b", "adapters": "5a"}}, "not of the same files of the model:"),
        ({"hashes": {"model": "5a", "adapters": "6b"}}, "not of the same files of the adapters:"),
        ({"memory": {"total_bytes": 2**36}, "hostname": "there"}, "different kinds: here, there"),
    ],
)
def test_a_search_that_goes_on_with_other_files_or_elsewhere_finds_nothing(
    later, reason, job, imitated
):
    mine = job()
    imitated(dies_at=4, environment=BEFORE)
    with pytest.raises(KeyboardInterrupt):
        search(mine, "id", CONSOLE)
    imitated(environment=BEFORE | later)
    status = search(mine, "id", CONSOLE)
    assert status.validity == "INVALID"
    (said,) = status.reasons
    assert reason in said


def test_what_else_differs_between_its_runs_is_a_caution(job, imitated):
    mine = job()
    imitated(dies_at=4, environment=BEFORE)
    with pytest.raises(KeyboardInterrupt):
        search(mine, "id", CONSOLE)
    imitated(environment=BEFORE | {"threads": 2, "hostname": "one like it"})
    status = search(mine, "id", CONSOLE)
    assert status.validity == "VALID"
    assert status.cautions == ("its runs were made under unlike circumstances: threads 1, 2",)


def test_a_run_that_dies_ends_the_search_with_its_cause(job, imitated):
    asked = imitated(state=State.TIMED_OUT)
    status = search(job(), "id", CONSOLE)
    assert status.state is State.TIMED_OUT
    assert status.cause == "00: workload.rate=1000: why"
    assert len(asked) == 1


def test_an_invalid_run_makes_the_search_invalid_but_not_the_first(job, imitated):
    asked = imitated(reasons=("late",))
    status = search(job(), "id", CONSOLE)
    assert status.validity == "INVALID"
    rates = [run.values["workload"]["rate"] for run in asked]
    assert status.reasons == tuple(f"workload.rate={rate:g}: late" for rate in rates[1:])


def test_cautions_of_its_runs_are_one_line(job, imitated):
    imitated(cautions=("strained",))
    status = search(job(), "id", CONSOLE)
    assert status.validity == "VALID"
    assert status.cautions == ("workload.rate=42: strained (and 6 more, see probes/)",)


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
        ("capacity.attainment=1", "attainment"),
        ("capacity.runs=2", "runs"),
        ("+capacity.precision=0.1", "capacity.precision: is gone; capacity.runs"),
        ("workload.run_in.requests=5", "capacity.run_in"),
        ("+capacity.guess=1", "guess"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(override, said, config):
    with pytest.raises(UsageError, match=said):
        config("+experiment=capacity", override)


def test_a_run_whose_settings_changed_is_made_again(job, imitated):
    mine = job()
    imitated()
    search(mine, "id", CONSOLE)
    asked = imitated()
    search(mine, "id", CONSOLE)
    assert asked == []
    other = job("capacity.seconds=30")
    search(other, "id", CONSOLE)
    assert [run.directory.path.name for run in asked][:2] == ["01", "02"]


def test_a_real_engine_is_searched(job):
    """Coarsely, in four runs; what is found so is left to chance."""
    mine = job(
        *("engine=multilora", "isolation=inline", "workload.requests=20"),
        *("capacity.runs=4", "workload.max_new_tokens=8", "threads=1"),
        *("capacity.seconds=0.5", "capacity.limits=1"),
    )
    status = search(mine, "id", CONSOLE)
    assert status.state is State.FINISHED, status.cause
    probes = mine.directory.json("capacity.json")["probes"]
    assert 1 < len(probes) <= 4
    assert probes[0]["rate"] == 1000
    for number, probe in enumerate(sorted((mine.directory.path / PROBES).iterdir())):
        run = RunDirectory(probe)
        assert len(run.measured()) >= 20
        assert (len(run.requests()) > len(run.measured())) is (number > 0)
