"""What the terminal shows of a sweep on several nodes."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from pipeline.launch import nodes_page as module
from pipeline.launch.launchers.launcher import PlaceLost, Workplace
from pipeline.launch.nodes_page import NodesPage
from pipeline.tracking.status import State


class Told:
    """Of a sweep of which nothing is known but what is said here."""

    waiting, seconds, why = 3, None, None

    def heading(self, job):
        return f"[{job.number + 1}/9] repeat={job.number}"

    def doing(self, job):
        return self.why or self.heading(job)

    def left(self):
        return self.seconds


def job(number):
    return SimpleNamespace(number=number)


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def page(out, monkeypatch):
    monkeypatch.setattr(module, "monotonic", iter(range(0, 1000, 7)).__next__)
    return NodesPage(Told(), Console(file=out, width=72))


def lines(out):
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


class Node(Workplace):
    """One where nothing is run in earnest."""

    def __init__(self, name):
        self.name = name

    def attempt(self, job, id_, lock):
        raise AssertionError


NODES = (Node("node-b"), Node("node-a [red]"))


def test_without_a_terminal_it_is_printed_once_in_the_end(page, out):
    one, other = NODES
    with page:
        run = page.showing(lambda job, place: State.FINISHED if job.number else State.KILLED)
        assert run(job(0), one) is State.KILLED
        assert run(job(1), one) is State.FINISHED
        assert run(job(2), other) is State.FINISHED
    assert lines(out) == [
        "node runs for finished failed",
        "node-a [red] nothing 1 0",
        "node-b nothing 1 1",
        "2 finished · 1 failed · 3 wait",
    ]
    assert out.getvalue().endswith("\n"), "whatever is said next begins a line"


def test_it_says_what_runs_and_for_how_long(page, out, monkeypatch):
    monkeypatch.setattr(Told, "seconds", 300)

    def run(job, place):
        page._live.console.print(page._page())
        return State.FINISHED

    page.showing(run)(job(4), NODES[0])
    assert lines(out)[1:] == [
        "node-b [5/9] repeat=4 7 s 0 0",
        "0 finished · 3 wait · about 5 min left",
    ]


def test_it_says_why_a_job_that_was_sent_has_not_begun(page, out, monkeypatch):
    monkeypatch.setattr(Told, "why", "[5/9] waits: Nodes are DOWN")
    page.showing(lambda job, place: page._live.console.print(page._page()))(job(4), NODES[0])
    assert lines(out)[1] == "node-b [5/9] waits: Nodes are DOWN 7 s 0 0"


def test_what_another_process_has_is_not_counted_and_a_lost_node_is_gone(page, out):
    def lost(job, place):
        raise PlaceLost("gone")

    with page:
        assert page.showing(lambda job, place: None)(job(0), NODES[1]) is None
        with pytest.raises(PlaceLost):
            page.showing(lost)(job(1), NODES[0])
    assert lines(out)[1:3] == ["node-a [red] nothing 0 0", "node-b gone 0 0"]
