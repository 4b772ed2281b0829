"""What a person reads while a sweep runs."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.errors import shortened
from pipeline.launch import sweep_progress as module
from pipeline.launch.job import Outcome, ended
from pipeline.launch.sweep_progress import SweepProgress, headings, job_line
from pipeline.tracking.status import State, Status

METRICS = {"output_tokens_per_s": 412.4, "ttft_s/p50": 0.0123, "served_agreement": 1.0}


def finish(job, outcome, metrics=None):
    job.directory.path.mkdir()
    status = Status(str(job.number), State.RUNNING, "2026-01-01T00:00:00+00:00")
    job.directory.write_status(ended(status, outcome))
    if metrics:
        job.directory.write_json("metrics.json", metrics)


def test_headings_leave_out_what_all_jobs_share(jobs):
    swept = jobs(
        ("+experiment=zipf", "workload.alpha=0", "engine=noop", "threads=1"),
        ("+experiment=zipf", "workload.alpha=1", "engine=noop", "threads=1"),
    )
    assert headings(swept) == {0: "workload.alpha=0", 1: "workload.alpha=1"}


def test_twins_and_single_jobs_keep_their_words(jobs):
    twins = jobs(("+experiment=zipf", "engine=noop"), ("+experiment=zipf", "engine=noop"))
    assert set(headings(twins).values()) == {"+experiment=zipf engine=noop"}


def test_a_setting_that_some_jobs_lack_is_one_that_varies(jobs):
    assert headings(jobs(("threads=1", "repeat=0"), ("threads=1",)))[0] == "repeat=0"


@pytest.mark.parametrize(("width", "text"), [(12, "[1/2] alpha…"), (80, "[1/2] alpha=1.0")])
def test_a_heading_is_cut_to_the_width(width, text):
    assert shortened("[1/2] alpha=1.0", width) == text


def test_a_finished_job_is_one_line_of_figures(jobs):
    (job,) = jobs(("repeat=0",))
    finish(job, Outcome(State.FINISHED), METRICS)
    said = "VALID · 412 tokens/s · 12.3 ms to the first token · 100 % faithful"
    assert job_line(job.directory) == said


def test_an_invalid_one_says_why(jobs):
    (job,) = jobs(("repeat=0",))
    finish(job, Outcome(State.FINISHED, reasons=("2 requests failed",)), METRICS)
    said = job_line(job.directory, "40 s")
    assert said.startswith("INVALID · 412 tokens/s") and said.endswith("40 s · 2 requests failed")


def test_one_that_did_not_finish_names_cause_and_log(jobs):
    (job,) = jobs(("repeat=0",))
    finish(job, Outcome(State.FAILED, "ValueError: no"))
    assert job_line(job.directory) == f"FAILED · ValueError: no; log: {job.directory.log}"


def test_the_account_of_a_sweep(jobs, monkeypatch):
    stamps = iter((0.0, 40.0, 40.0, 100.0, 130.0))
    monkeypatch.setattr(module, "monotonic", lambda: next(stamps))
    swept = jobs(("repeat=0", "engine=noop"), ("repeat=1", "engine=noop"))
    out = io.StringIO()
    account = SweepProgress(swept, Console(file=out, width=80))
    for job in swept:
        account.begins(job)
        finish(job, Outcome(State.FINISHED), METRICS)
        account.ended(replace(job))
    first, figures, second, last = out.getvalue().splitlines()
    assert (first, second) == ("[1/2] repeat=0", "[2/2] repeat=1")
    assert figures.endswith("100 % faithful · 40 s · about 40 s left")
    assert last.endswith("100 % faithful · 30 s")


def test_where_jobs_run_side_by_side_the_figures_say_whose_they_are(jobs):
    swept = jobs(("repeat=0", "engine=noop"), ("repeat=1", "engine=noop"))
    out = io.StringIO()
    account = SweepProgress(swept, Console(file=out, width=80), places=2)
    for job in swept:
        account.begins(job, "node-a")
        finish(job, Outcome(State.FINISHED), METRICS)
    for job in swept[::-1]:
        account.ended(job)
    begun, *_, second, first = out.getvalue().splitlines()
    assert begun == "[1/2] repeat=0 · node-a"
    assert second.startswith("  [2/2] VALID") and first.startswith("  [1/2] VALID")


def test_what_is_left_is_shared_by_the_places_and_counts_what_runs(jobs, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    swept = jobs(*[(f"repeat={each}", "engine=noop") for each in range(6)])
    account = SweepProgress(swept, Console(file=io.StringIO(), width=80), places=2, first=1)
    assert (account.left(), account.waiting) == (None, 5)
    account.begins(swept[1])
    account.begins(swept[4])
    now[0] = 40.0
    finish(swept[1], Outcome(State.FINISHED), METRICS)
    account.ended(swept[1])
    account.begins(swept[2])
    now[0] = 50.0
    assert account.waiting == 2
    assert account.left() == (2 * 40 + 30 + 0) / 2
    account.passed(swept[2])
    assert account.left() == 40


def test_a_job_that_waits_where_it_was_sent_says_so_until_it_has_begun(jobs):
    swept = jobs(("repeat=0", "engine=noop"), ("repeat=1", "engine=noop"))
    out = io.StringIO()
    account = SweepProgress(swept, Console(file=out, width=80), places=2)
    account.begins(swept[1])
    account.waits(swept[1], "Nodes are DOWN")
    assert out.getvalue().splitlines() == ["[2/2] repeat=1", "  [2/2] waits: Nodes are DOWN"]
    assert account.doing(swept[1]) == "[2/2] waits: Nodes are DOWN"
    account.waits(swept[1], "")
    assert account.doing(swept[1]) == account.heading(swept[1]) == "[2/2] repeat=1"
