"""Perplexity and score."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.definitions import NOT_MEASURED
from pipeline.metrics.quality import Judged, perplexity, quality, task_score

SURE = Judged("sql", (log(2), log(8)), right=True)
UNSURE = Judged(None, (log(4),), right=False)


def test_tokens_count_alike_whatever_answer_they_are_of():
    assert perplexity([SURE, UNSURE]) == pytest.approx(4)
    assert task_score([SURE, UNSURE]) == 0.5


def test_each_adapter_has_its_own():
    found = quality([SURE, UNSURE], ["sql", "verse"])
    assert found == {
        "perplexity": pytest.approx(4),
        "task_score": 0.5,
        "adapters/sql/perplexity": pytest.approx(4),
        "adapters/sql/task_score": 1,
        "adapters/base/perplexity": pytest.approx(4),
        "adapters/base/task_score": 0,
    }


def test_what_cant_be_had_is_no_number():
    unled = Judged("sql", None, right=True)
    assert quality([], []) == {}
    assert quality([unled], ["sql"])["perplexity"] == NOT_MEASURED
    assert perplexity([Judged(None, (1e4,), right=False)]) == NOT_MEASURED


@given(st.lists(st.floats(0, 50), min_size=1), st.floats(1, 50))
def test_the_likelier_the_lower(surprise, factor):
    longer = tuple(value * factor for value in surprise)
    one, other = (perplexity([Judged(None, each, right=False)]) for each in (surprise, longer))
    assert one >= 1 and (other == NOT_MEASURED or one <= other * (1 + 1e-9))
