"""Why jobs that were sent elsewhere haven't begun is said once for each reason."""

import io
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipeline.launch import sweep
from pipeline.launch.launchers.launcher import Workplace
from pipeline.launch.waiting import Waiting
from pipeline.tracking.status import State, Status

JOB, OTHER = SimpleNamespace(number=0), SimpleNamespace(number=1)


def test_each_reason_of_a_job_is_said_once_and_the_last_is_known():
    out = io.StringIO()
    waiting = Waiting(Console(file=out, width=40))
    assert waiting.why(JOB) == ""
    for why in ("Resources", "Nodes are DOWN [all of them]", "Resources", ""):
        waiting.hear(JOB, why, "[1/2]")
    waiting.hear(OTHER, "Resources")
    assert out.getvalue().splitlines() == [
        "  [1/2] waits: Resources",
        "  [1/2] waits: Nodes are DOWN [all of them]",
        "  waits: Resources",
    ]
    assert (waiting.why(JOB), waiting.why(OTHER)) == ("", "Resources")


class Slow(Workplace):
    """One where a job waits before it begins."""

    name, places, cpus = "a node", 1, None

    def place(self):
        return nullcontext(self)

    def attempt(self, job, id_, lock):
        self.tell("Nodes are DOWN")
        self.tell("")
        status = Status(id_, State.KILLED, "2026-01-01T00:00:00+00:00")
        job.directory.write_status(status)
        return status


@pytest.mark.parametrize("single", [True, False])
def test_a_sweep_says_it_and_a_single_job(single, jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "_show_elsewhere", lambda *_, **__: None)
    out = io.StringIO()
    console = Console(file=out, width=200)
    (job,) = jobs(("repeat=0", "engine=noop"))
    if single:
        job.directory.path.mkdir()
        assert sweep.run_single(job, 0, Slow(), console) == 1
    else:
        assert sweep._run_in_turn([job], (), tmp_path, console, Slow()) == [State.KILLED]
    (line,) = [each for each in out.getvalue().splitlines() if "waits" in each]
    assert line.endswith("waits: Nodes are DOWN")
