"""Intervals and p-values of few numbers, against scipy's own tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.compare.intervals import ACROSS, BOOTSTRAP, ENOUGH, STUDENT, interval, method, p_value

LOGS = st.lists(st.floats(-2, 2).map(lambda x: round(x, 3)), min_size=3, max_size=8, unique=True)


@given(LOGS)
def test_one_condition_is_the_plain_t_test(logs: list[float]) -> None:
    test = stats.ttest_1samp(logs, 0)
    assert interval([logs]) == pytest.approx(tuple(test.confidence_interval()))
    assert p_value([logs]) == pytest.approx(test.pvalue)


@given(LOGS, st.floats(-5, 5))
def test_a_conditions_own_effect_is_no_noise(logs: list[float], effect: float) -> None:
    low, high = interval([logs, logs]) or (0, 0)
    shifted = interval([logs, [log + effect for log in logs]]) or (0, 0)
    assert shifted[1] - shifted[0] == pytest.approx(high - low)
    assert sum(shifted) / 2 == pytest.approx((low + high) / 2 + effect / 2)


def test_which_method() -> None:
    assert method([[0.1, 0.2, 0.3]]) == STUDENT
    assert method([[0.1], [0.2]]) == ACROSS
    assert method([[0.0] * ENOUGH, [0.0] * ENOUGH]) == BOOTSTRAP
    assert method([[0.0] * ENOUGH, [0.0] * 2]) == STUDENT


def test_unrepeated_conditions_stand_in_for_repeats() -> None:
    assert interval([[0.1], [0.2], [0.4]]) == pytest.approx(interval([[0.1, 0.2, 0.4]]))


def test_the_bootstrap_is_seeded_and_near_student() -> None:
    logs = np.random.default_rng(3).normal(0.1, 0.05, 20).tolist()
    found = interval([logs])
    assert found == interval([logs])
    test = stats.ttest_1samp(logs, 0).confidence_interval()
    assert found == pytest.approx(tuple(test), abs=0.01)


def test_one_value_has_neither() -> None:
    assert interval([[0.3]]) is None
    assert p_value([[0.3]]) is None


def test_equal_values_leave_no_doubt() -> None:
    assert interval([[0.5, 0.5]]) == (0.5, 0.5)
    assert p_value([[0.5, 0.5]]) == 0
    assert p_value([[0.0, 0.0]]) == 1
