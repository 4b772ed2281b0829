"""What a person sees while a job runs."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipeline.launch import progress as module
from pipeline.launch.progress import ProgressBars


@pytest.fixture
def screen(monkeypatch):
    """What is drawn on a terminal of 80 columns."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(module, "Console", lambda **_: console)
    return out


def test_stages_are_named_and_only_what_can_be_counted_is(screen):
    with ProgressBars(2, 12) as progress:
        progress.stage("prepare")
        kept = progress.counting(5, lambda *_: None)
        for index in range(5):
            kept(SimpleNamespace(index=index), [])
        progress.stage("check")
        progress.done()
    lines = screen.getvalue().splitlines()
    stages = [line for line in lines if not line.lstrip().startswith("jobs")]
    measured = [line for line in stages if "measure" in line]
    assert "5 of 5" in measured[-1]
    assert not any(" of " in line for line in stages if "prepare" in line or "check" in line)
    assert any("jobs" in line and "3 of 12" in line for line in lines)


def test_a_single_job_has_no_bar_of_jobs(screen):
    with ProgressBars(0, 1) as progress:
        progress.stage("prepare")
        progress.done()
    assert "jobs" not in screen.getvalue() and "prepare" in screen.getvalue()


def test_nothing_is_drawn_where_nobody_looks(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=out))
    with ProgressBars(0, 2) as progress:
        progress.stage("prepare")
    assert not out.getvalue()
