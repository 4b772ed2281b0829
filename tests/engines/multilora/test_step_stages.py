import pytest

from pipeline.engines.multilora.step_stages import StepStages
from pipeline.engines.paged.sequence import Chunk, PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock


def waiting():
    return PagedSequence(Request(0, None, None, (5, 6, 7)), [5, 6, 7])


@pytest.fixture
def booked(monkeypatch):
    """Seconds by stage of steps that take what they are said to take."""

    def book(*steps):
        now = [0.0]
        monkeypatch.setattr("pipeline.inference.stage_clock.perf_counter", lambda: now[0])
        clock = StageClock()
        stages = StepStages(clock)
        for decodes, prompts, seconds in steps:
            chunks = [Chunk(waiting(), 1) for _ in range(decodes)]
            for chunk in chunks:
                chunk.sequence.output.append(1)
                chunk.sequence.computed = len(chunk.sequence.prompt)
            chunks += [Chunk(waiting(), count) for count in prompts]
            began = stages.begin(chunks)
            now[0] += seconds
            stages.end(chunks, began)
            now[0] += 1
        _, seconds = clock.read()
        assert sum(seconds.values()) == pytest.approx(now[0])
        return seconds["prefill"], seconds["decode"]

    return book


def test_steps_of_one_kind_are_booked_whole(booked):
    assert booked((3, [], 5), (0, [7, 2], 11)) == (11, 5)


def test_a_mixed_step_is_divided_by_tokens(booked):
    assert booked((2, [5, 1], 8)) == (6, 2)


def test_decodes_of_a_mixed_step_never_look_cheaper_than_alone(booked):
    assert booked((2, [], 3), (2, [6], 8)) == (5, 6)
    assert booked((2, [], 30), (2, [6], 8)) == (0, 38)
