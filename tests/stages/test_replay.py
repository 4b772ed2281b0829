"""The measuring loop: absolute deadlines, lateness told apart, stalls that can't hide."""

from dataclasses import replace
from time import sleep

import pytest

from pipeline.engines import noop
from pipeline.engines.batching import engine as batching
from pipeline.engines.noop import Noop
from pipeline.engines.settings import Serving
from pipeline.inference import stage_clock
from pipeline.metrics.latency import latencies, latency
from pipeline.stages import replay
from pipeline.stages.replay import Replay
from pipeline.workload.request import TraceRequest
from pipeline.workload.run_in import RunIn

STALL_S = 1.0
GAP_S = 0.002


class Clock:
    """Of a machine that does nothing else: a look at it takes some microseconds."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        self.now += 4e-6
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """What is measured is told by it alone: what a busy machine takes would count as a fault."""
    made = Clock()
    for module in (replay, stage_clock, noop, batching):
        monkeypatch.setattr(module, "perf_counter", made.perf_counter)
    monkeypatch.setattr(replay, "sleep", made.sleep)
    return made


class Stalling(Noop):
    """Stops for a second in its n-th step, as a garbage collector or a page fault would have it."""

    def __init__(self, serving, step, clock):
        super().__init__(serving)
        self.left, self.stalled, self.resumed, self.time = step, None, None, clock

    def step(self):
        self.left -= 1
        if self.left == 0:
            self.stalled = self.time.perf_counter()
            self.time.sleep(STALL_S)
            self.resumed = self.time.perf_counter()
        return super().step()


class Slow(Noop):
    """Takes its time for every step, and to accept a request."""

    def __init__(self, serving, step_s, submit_s, sleep=sleep):
        super().__init__(serving)
        self.step_s, self.submit_s, self.sleep = step_s, submit_s, sleep

    def submit(self, request):
        self.sleep(self.submit_s)
        super().submit(request)

    def step(self):
        self.sleep(self.step_s)
        return super().step()


@pytest.fixture
def serving(prepared, config):
    ready = prepared("adapters.count=1")
    adapters = {each.name: each for each in ready.adapters}
    return Serving(ready.checkpoint, adapters, threads=1)


def requests(count, gap_s, tokens=2):
    return [
        TraceRequest(k, 0, None, "", (5, 6, 7), tokens, k * gap_s, by_text=False)
        for k in range(count)
    ]


def test_a_stall_shows_in_the_requests_that_should_have_arrived_meanwhile(serving, clock):
    with Stalling(serving, step=20, clock=clock) as engine:
        _, rows = Replay(engine, requests(700, GAP_S), None).run(0)
    hit = [row for row in rows if engine.stalled <= row.scheduled <= engine.resumed]
    assert len(hit) >= STALL_S / GAP_S - 1
    for row in hit:
        waited = engine.resumed - row.scheduled
        assert latencies(row).ttft_s >= waited and latencies(row).e2e_s >= waited
        assert latencies(row).ttft_from_submit_s <= latencies(row).ttft_s - waited
    slowest = engine.resumed - min(row.scheduled for row in hit)
    assert slowest > STALL_S - 2 * GAP_S
    found = latency(rows)
    assert found["ttft_s/p99"] >= slowest - 8 * GAP_S
    assert found["e2e_s/p99"] >= slowest - 8 * GAP_S


def test_a_stall_is_the_engines_and_no_lag_of_the_harness(serving, clock):
    with Stalling(serving, step=20, clock=clock) as engine:
        _, rows = Replay(engine, requests(200, GAP_S), None).run(0)
    late = [row for row in rows if row.submitted - row.scheduled > STALL_S / 2]
    assert late
    assert all(row.lag < row.submitted - row.scheduled for row in late)
    assert sum(row.lag for row in late) < sum(row.submitted - row.scheduled for row in late) / 2


def test_nothing_is_handed_over_before_it_is_due_and_deadlines_do_not_drift(serving):
    asked = requests(50, 0.003)
    with Noop(serving) as engine:
        iteration, rows = Replay(engine, asked, None).run(0)
    for row, request in zip(sorted(rows, key=lambda row: row.id), asked, strict=True):
        assert row.scheduled == iteration.started + request.scheduled_s
        assert row.submitted >= row.scheduled


def test_the_loop_is_charged_neither_with_the_engine_nor_with_waiting(serving, clock):
    with Slow(serving, step_s=0.01, submit_s=0.01, sleep=clock.sleep) as engine:
        iteration, rows = Replay(engine, requests(5, 0.1), None).run(0)
    engines = 5 * 0.01 + 10 * 0.01
    assert 0 < iteration.harness_seconds < iteration.wall_s - engines
    assert sum(iteration.stage_seconds.values()) == pytest.approx(iteration.wall_s)
    assert len(rows) == 5


def test_accepting_a_request_is_the_engines_time(serving, clock):
    """Eight at once, each accepted in 20 ms: the last waits 140 ms for the engine."""
    with Slow(serving, step_s=0.0, submit_s=0.02, sleep=clock.sleep) as engine:
        _, rows = Replay(engine, requests(8, 0.0), None).run(0)
    last = max(rows, key=lambda row: row.submitted)
    assert last.submitted - last.scheduled >= 7 * 0.02
    assert last.lag < (last.submitted - last.scheduled) / 2


def parted(serving, some, limit, covers):
    with Noop(serving) as engine:
        return Replay(engine, some, limit, covers).stretches(0)


@pytest.mark.parametrize("limit", [None, 4])
def test_a_run_is_parted_where_the_run_in_ends(serving, limit):
    gap = 0.0 if limit else GAP_S
    (early, first), (late, others) = parted(
        serving, requests(24, gap), limit, lambda number, _: number < 10
    )
    assert (early.run_in, late.run_in) == (True, False)
    assert [row.id for row in sorted(first, key=lambda row: row.id)] == list(range(10))
    assert all(row.run_in for row in first) and not any(row.run_in for row in others)
    assert early.ended <= late.started <= min(row.finished for row in others)
    assert max(row.submitted for row in first) <= early.ended
    for each in (early, late):
        assert sum(each.stage_seconds.values()) == pytest.approx(each.wall_s, rel=0.01)


def test_what_comes_by_the_clock_is_parted_by_its_schedule(serving):
    (_, first), (_, others) = parted(
        serving, requests(24, GAP_S), None, lambda _, since_start_s: since_start_s < 10.5 * GAP_S
    )
    assert (len(first), len(others)) == (11, 13)


@pytest.mark.parametrize("held", [True, False])
def test_a_batch_is_never_parted(serving, held):
    ((batch, rows),) = parted(serving, requests(8, 0.0), None, lambda *_: held)
    assert batch.run_in is held and len(rows) == 8
    assert all(row.run_in is held for row in rows)


def test_the_null_engine_keeps_the_contract(serving, prepared):
    ready = prepared("adapters.count=2", "workload.iterations=1", "workload.max_new_tokens=4")
    for text in (False, True):
        asked = [replace(each, by_text=text) for each in ready.trace.iterations[0]]
        with Noop(serving) as engine:
            iteration, rows = Replay(engine, asked, None).run(0)
        assert len(rows) == len(asked)
        for row in rows:
            prompt = ready.trace.requests[row.id].prompt_ids
            assert row.output_ids == (prompt * 4)[:4] and row.error is None
            assert (row.text is not None) is text
            stamps = [row.scheduled, row.submitted, row.admitted, *row.tokens, row.finished]
            assert stamps == sorted(stamps)
        seconds = iteration.stage_seconds
        assert (seconds["detokenize"] > 0) is text


@pytest.mark.parametrize("limit", [None, 1, 2])
def test_a_later_turn_comes_when_the_turn_before_is_answered(serving, limit):
    """Three turns of one conversation and two strangers, all due at once."""
    turns = {1: 0, 3: 1}
    asked = [replace(each, after=turns.get(each.id)) for each in requests(5, 0.0)]
    with Slow(serving, step_s=0.002, submit_s=0.0) as engine:
        _, rows = Replay(engine, asked, limit).run(0)
    by_id = {row.id: row for row in rows}
    assert len(by_id) == 5
    for later, before in turns.items():
        assert by_id[later].scheduled >= by_id[before].finished
        assert by_id[later].submitted >= by_id[later].scheduled
    if limit is None:
        assert by_id[4].scheduled == by_id[0].scheduled < by_id[1].scheduled


def test_a_turn_whose_turn_before_was_of_another_batch_waits_for_nobody(serving):
    asked = [replace(each, id=each.id + 8, after=each.id) for each in requests(3, 0.001)]
    with Noop(serving) as engine:
        iteration, rows = Replay(engine, asked, None).run(1)
    assert [row.scheduled - iteration.started for row in sorted(rows, key=lambda row: row.id)] == (
        pytest.approx([0, 0.001, 0.002])
    )


CONVERSED = {2: 0, 5: 1, 7: 2, 11: 5, 12: 7}
"""Later turns among strangers, by the turn before."""


def conversed(gap_s):
    return [replace(each, after=CONVERSED.get(each.id)) for each in requests(24, gap_s)]


def test_turns_and_strangers_are_handed_over_as_they_fall_due(serving):
    """Steps are longer than gaps, and those who wait when a turn is answered go before it."""
    with Slow(serving, step_s=0.004, submit_s=0.0) as engine:
        iteration, rows = Replay(engine, conversed(0.001), None).run(0)
    handed = sorted(rows, key=lambda row: row.submitted)
    due = [row.scheduled for row in handed]
    assert due == sorted(due)
    by_id = {row.id: row for row in rows}
    for later, before in CONVERSED.items():
        own = iteration.started + later * 0.001
        assert by_id[later].scheduled == max(own, by_id[before].finished)


@pytest.mark.parametrize("limit", [None, 4])
def test_a_run_in_of_so_many_requests_holds_as_many_where_turns_come_later(serving, limit):
    """Whatever the engine's speed, the same number is measured."""
    counts = []
    for step_s in (0.0, 0.004):
        with Slow(serving, step_s=step_s, submit_s=0.0) as engine:
            covers = RunIn(requests=6).covers
            gap = 0.0 if limit else 0.001
            (_, first), (_, others) = Replay(engine, conversed(gap), limit, covers).stretches(0)
        counts.append((len(first), len(others)))
        assert max(row.submitted for row in first) <= min(row.submitted for row in others)
    assert counts == [(6, 18)] * 2
