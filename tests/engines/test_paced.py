"""engine=paced: what it lasts and what it remembers."""

from time import perf_counter

import pytest

from pipeline.engines.paced.pace import MOST_BEHIND_S, Pace
from pipeline.engines.paced.settings import PacedSettings
from pipeline.engines.settings import Serving
from pipeline.errors import UsageError
from pipeline.inference.events import Finished, Token
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.metrics.step_law import StepLaw

LAW = StepLaw(step_s=0.02, prefill_s=0.001)


class Clock:
    """Time that only sleeps and `takes` make pass; every sleep is too long."""

    def __init__(self, monkeypatch, late=0.003):
        self.now, self.late = 100.0, late
        monkeypatch.setattr("pipeline.engines.paced.pace.perf_counter", lambda: self.now)
        monkeypatch.setattr("pipeline.engines.paced.pace.sleep", self.sleep)

    def sleep(self, seconds):
        self.now += seconds + (self.late if seconds else 0)


def test_late_sleeps_do_not_add_up(monkeypatch):
    clock, pace = Clock(monkeypatch), Pace()
    for _ in range(100):
        pace.last(0.01)
        clock.now += 0.002
    assert clock.now - 100 == pytest.approx(1.0, abs=0.01)
    assert not pace.lost_s


def test_what_begins_after_a_rest_lasts_from_then_on(monkeypatch):
    clock, pace = Clock(monkeypatch, late=0), Pace()
    pace.last(0.01)
    pace.rest()
    clock.now += 50
    pace.last(0.01)
    assert clock.now == pytest.approx(150.02)


def test_a_machine_that_is_too_busy_is_told(monkeypatch):
    clock, pace = Clock(monkeypatch, late=0), Pace()
    pace.last(0.01)
    clock.now += 5
    pace.last(0.01)
    assert pace.lost_s == pytest.approx(4.99)
    began = clock.now
    pace.last(0.01)
    assert clock.now - began == pytest.approx(0.01)
    assert MOST_BEHIND_S < 4.99


@pytest.fixture
def engine(checkpoint, adapters):
    """With room for one adapter of the embedded model's."""
    room = max(each.lora.max_rank for each in adapters.values())
    settings = PacedSettings(name="paced", law=LAW, load_s=0.05, adapter_ranks=room)
    with settings.build(Serving(checkpoint, adapters, threads=1)) as entered:
        yield entered


def served(engine, *requests):
    """Events until all have ended."""
    events, open_ = [], len(requests)
    for each in requests:
        engine.submit(each)
    while open_:
        told = engine.step()
        events += told
        open_ -= sum(isinstance(each, Finished) for each in told)
        if not told and open_:
            assert engine.wait(600)
    return events


def asks(id_, adapter, tokens=3):
    sampling = SamplingParams(max_new_tokens=tokens, ignore_eos=True)
    return Request(id_, adapter, None, (5, 6, 7, 8), sampling)


def test_it_takes_no_less_than_the_law_says(engine, adapters):
    first, second, *_ = adapters
    began = perf_counter()
    events = served(engine, asks("here", first), asks("base", None), asks("away", second))
    assert perf_counter() - began >= 3 * LAW.step_s
    given = [each for each in events if isinstance(each, Token) and each.request_id == "here"]
    assert [each.token_id for each in given] == [5, 6, 7]


def test_adapters_come_and_go_as_in_memory(engine, adapters):
    first, second, *_ = adapters
    for name in (first, second, first):
        served(engine, asks(name, name))
    counts = engine.adapter_counts
    assert (counts.lookups, counts.hits) == (3, 1)
    assert counts.load_s >= 2 * 0.05 and counts.evictions == 2


def test_an_adapter_that_has_no_room_alone_is_refused(checkpoint, adapters):
    settings = PacedSettings(name="paced", law=LAW, adapter_ranks=1)
    with pytest.raises(UsageError, match=r"engine\.adapter_ranks=1: .* raise it"):
        settings.check(checkpoint, adapters)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"load_s": -1.0}, {"adapter_ranks": 0}, {"pace": 1}, {"law": {}}),
        *({"max_batch_size": 10**9}, {"law": {"step_s": 1e300}}, {"law": {"step_s": 0}}),
    ],
)
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError):
        PacedSettings(**{"name": "paced", "law": LAW} | wrong)
