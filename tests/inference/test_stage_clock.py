from pipeline.inference.stage_clock import StageClock, mark_cost_s


def test_marks_are_counted_from_the_restart():
    clock = StageClock()
    clock.enter("prefill")
    clock.restart()
    for stage in ("prefill", "sample", "decode"):
        clock.enter(stage)
    assert clock.marks == 3
    clock.read()
    assert clock.marks == 4


def test_the_stages_add_up_to_the_time_between():
    clock = StageClock()
    started = clock.restart()
    clock.enter("decode")
    ended, seconds = clock.read()
    assert abs(sum(seconds.values()) - (ended - started)) < 1e-9


def test_a_mark_costs_something():
    assert mark_cost_s(100) > 0


def test_a_profiler_hears_the_stages_inside_its_block_alone():
    clock, heard = StageClock(), []
    clock.enter("prefill")
    with clock.heard(heard.append):
        clock.enter("decode")
        clock.read()
    clock.enter("sample")
    assert heard == ["decode", "other"]
