"""How long the rest of a sweep is taken to last."""

import pytest

from pipeline.launch.remaining_time import RemainingTime, clock


def test_what_is_left_is_told_from_jobs_of_the_same_engine(jobs):
    slow, fast, other = jobs(("engine=merged",), ("engine=multilora",), ("engine=noop",))
    pace = RemainingTime()
    assert pace.left([slow]) is None
    pace.took(slow, 30)
    pace.took(fast, 10)
    assert pace.left([slow, fast, fast]) == 50
    assert pace.left([other]) == 20


@pytest.mark.parametrize(
    ("seconds", "said"), [(12.4, "12 s"), (89, "89 s"), (600, "10 min"), (7300, "2 h 2 min")]
)
def test_times_for_people(seconds, said):
    assert clock(seconds) == said
