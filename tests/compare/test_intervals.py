"""Intervals and p-values of few numbers, by hand and against scipy's own tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.compare.intervals import Estimate, estimate, student

LOGS = st.lists(st.floats(-2, 2).map(lambda x: round(x, 3)), min_size=3, max_size=8, unique=True)
LOG = st.floats(-2, 2).map(lambda x: round(x, 3))


def found(table: list[list[float]]) -> Estimate:
    """The estimate of a sweep: a row a repeat, a column a condition."""
    cells = [
        (value, condition, repeat)
        for repeat, row in enumerate(table)
        for condition, value in enumerate(row)
    ]
    values, conditions, repeats = zip(*cells, strict=True)
    made = estimate(values, conditions, repeats)
    assert made
    return made


def test_three_repeats_by_hand() -> None:
    """Mean 0.2, standard deviation 0.1, and t of two degrees of freedom is 4.302653."""
    reach = 4.302653 * 0.1 / 3**0.5
    assert student([0.1, 0.2, 0.3]) == pytest.approx((0.2 - reach, 0.2 + reach))


def test_two_conditions_in_three_repeats_by_hand() -> None:
    """The means of the repeats, 0.55, 0.6 and 0.8, are three values, not six."""
    made = found([[0.1, 1.0], [0.2, 1.0], [0.3, 1.3]])
    assert made.freedom == pytest.approx(2)
    assert made.error == pytest.approx((0.0175 / 3) ** 0.5)
    reach = 4.302653 * (0.0175 / 3) ** 0.5
    assert made.interval() == pytest.approx((0.65 - reach, 0.65 + reach))


@given(LOGS)
def test_one_condition_is_the_plain_t_test(logs: list[float]) -> None:
    test = stats.ttest_1samp(logs, 0)
    made = found([[log] for log in logs])
    assert made.interval() == pytest.approx(tuple(test.confidence_interval()))
    assert made.interval(0.8) == pytest.approx(tuple(test.confidence_interval(0.8)))
    assert made.p_value == pytest.approx(test.pvalue)


@given(st.lists(st.lists(LOG, min_size=3, max_size=3), min_size=3, max_size=6))
def test_several_conditions_are_the_t_test_of_the_repeats_means(table: list[list[float]]) -> None:
    means = np.mean(table, axis=1)
    made = found(table)
    assert made.freedom == pytest.approx(len(table) - 1)
    assert made.error == pytest.approx(stats.sem(means), abs=1e-12)


@given(LOGS, st.floats(-5, 5))
def test_a_conditions_own_effect_is_no_noise(logs: list[float], effect: float) -> None:
    one, other = found([[x, x] for x in logs]), found([[x, x + effect] for x in logs])
    assert other.error == pytest.approx(one.error)
    assert other.mean == pytest.approx(one.mean + effect / 2)


def test_two_sweeps_spread_on_their_own() -> None:
    """One repeats 100 times as unevenly as the other, so it alone counts: two degrees, not four."""
    noisy, quiet = [0.1, 0.2, 0.3], [0.501, 0.502, 0.503]
    made = estimate(noisy + quiet, ["noisy"] * 3 + ["quiet"] * 3, range(6))
    assert made
    assert made.error == pytest.approx(np.hypot(stats.sem(noisy), stats.sem(quiet)) / 2)
    assert made.freedom == pytest.approx(2, abs=0.01)
    alike = estimate(noisy + [5 + x for x in noisy], ["a"] * 3 + ["b"] * 3, range(6))
    assert alike
    assert alike.freedom == pytest.approx(4)


def test_a_pair_that_is_missing_leaves_the_rest() -> None:
    rng = np.random.default_rng(2)
    errors, reached = [], []
    for _ in range(600):
        cells = [(rng.normal() + c, c, r) for r in range(6) for c in range(3) if (r, c) != (1, 2)]
        made = estimate(*zip(*cells, strict=True))
        assert made
        truth = np.mean([c for _, c, _ in cells])
        errors.append((made.mean - truth) ** 2)
        reached.append(made.error**2)
    assert np.mean(reached) == pytest.approx(np.mean(errors), rel=0.2)


def test_what_was_measured_once_is_taken_to_be_as_noisy_as_the_rest() -> None:
    made = estimate([0.1, 0.2, 0.3, 0.7], ["a", "a", "a", "b"], [0, 1, 2, 0])
    assert made
    assert made.mean == pytest.approx(0.325)
    assert made.error == pytest.approx(0.1 / 4**0.5)


def test_one_repeat_has_no_interval() -> None:
    assert student([0.3]) is None
    assert estimate([0.1, 0.2, 0.4], ["a", "b", "c"], [0, 0, 0]) is None
    assert estimate([0.1, 0.2], ["a", "b"], [0, 1]) is None


def test_equal_values_leave_no_doubt() -> None:
    assert student([0.5, 0.5]) == (0.5, 0.5)
    assert found([[0.5], [0.5]]).p_value == 0
    assert found([[0.0], [0.0]]).p_value == 1
