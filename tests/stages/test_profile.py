"""Profilers have their turn one after the other; none can end the run or touch its figures."""

import csv
from dataclasses import replace

import pytest

from pipeline.profilers.profiler import Excerpt, Profile, Tool, ToolUnavailable
from pipeline.profilers.several import Several
from pipeline.profilers.torch_trace import TorchTrace
from pipeline.stages.build import build
from pipeline.stages.measure import measure
from pipeline.stages.profile import profile
from pipeline.workload.run_in import RunIn

SETUP = ("+experiment=smoke", "threads=1", "tracking=none")


class Scripted(Tool):
    """Does what the test says."""

    def __init__(self, name, act, excerpt=None):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "act", act)
        object.__setattr__(self, "excerpt", excerpt or Excerpt())

    def profile(self, subject):
        return self.act(subject)


@pytest.fixture
def measured(config, prepared):
    """A function that profiles a measured run with scripted tools, and the requests served."""
    settings, ready = config(*SETUP), prepared(*SETUP)
    with build(settings, ready) as built:
        timeline = measure(ready.trace, RunIn(), built.engine, lambda *_: None, 0.0, 0.0, 1)
        served = []
        submit = built.engine.submit
        built.engine.submit = lambda request: (served.append(request), submit(request))

        def look(folder, *tools):
            chosen = replace(
                settings, profiler=Several(name="all", members={each.name: each for each in tools})
            )
            return profile(chosen, ready, timeline, built.engine, folder)

        yield look, served


def replays(subject):
    subject.replay()
    return Profile(notes=("looked",))


def fails(subject):
    subject.replay()
    raise ValueError("a fault\nof two lines")


def cannot(subject):
    raise ToolUnavailable("not here")


def test_one_that_fails_is_a_note_and_the_next_has_its_turn(measured, tmp_path):
    look, _ = measured
    tools = [Scripted("a", fails), Scripted("b", cannot), Scripted("c", replays)]
    found = look(tmp_path / "profile", *tools)
    assert list(found) == ["stages", "a", "b", "c"]
    assert found["a"].notes == ("failed: ValueError: a fault of two lines",)
    assert found["b"].notes == ("not here",)
    assert found["c"].notes == ("looked",)
    assert list(found["c"].figures) == ["profiler_slowdown/c"]
    assert found["c"].figures["profiler_slowdown/c"] > 0


def test_one_that_replays_nothing_slows_nothing_down(measured, tmp_path):
    look, served = measured
    found = look(tmp_path, Scripted("a", lambda _: Profile()))
    assert found["a"] == Profile()
    assert not served


def test_only_the_excerpt_is_served(measured, tmp_path):
    look, served = measured
    look(tmp_path, Scripted("a", replays, Excerpt(requests=1, tokens=2)))
    assert [each.max_new_tokens for each in served] == [2, 2, 2]
    assert len({each.id for each in served}) == 1


def test_torch_says_that_it_does_not_see_kernels_of_others(measured, tmp_path):
    """The engine at hand is multilora; what it does is seen by its stages."""
    look, _ = measured
    (note,) = look(tmp_path, TorchTrace(name="torch"))["torch"].notes
    assert "doesn't see kernels that aren't its own" in note and "stage/" in note
    with (tmp_path / "torch_operators.csv").open(newline="") as file:
        table = {row["operator"]: row for row in csv.DictReader(file)}
    assert {"stage/tokenize", "stage/prefill", "stage/decode", "stage/sample"} <= {*table}
    assert int(table["stage/tokenize"]["calls"]) == 1, "all came before the first step"
    for stage in ("stage/prefill", "stage/decode"):
        assert float(table[stage]["cpu_us"]) > 0


def test_without_profilers_nothing_is_made_or_served(measured, tmp_path):
    look, served = measured
    found = look(tmp_path / "profile")
    assert list(found) == ["stages"]
    assert not (tmp_path / "profile").exists()
    assert not served


def test_the_share_of_the_stage_clock_is_that_of_the_last_iteration(measured, tmp_path):
    look, _ = measured
    assert 0 < look(tmp_path)["stages"].figures["stage_clock_overhead"] < 1
