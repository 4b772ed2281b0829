"""Percentiles: their values, and when there are none."""

from itertools import pairwise
from math import comb
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.definitions import N_TOO_SMALL
from pipeline.metrics.latency import MINIMUM, Quantile, distribution, mean, percentile

QUANTILES: tuple[Quantile, ...] = get_args(Quantile)

seconds = st.floats(min_value=0, max_value=1e6)


def test_linear_interpolation() -> None:
    assert percentile([1.0, 2.0], 50) == 1.5
    assert percentile([4.0, 1.0, 3.0], 50) == 3.0
    hundred_one = [float(n) for n in range(101)]
    assert percentile(hundred_one, 90) == 90.0
    thousand_one = [n / 10 for n in range(1001)]
    found = [percentile(thousand_one, q) for q in QUANTILES]
    assert found == pytest.approx([50, 90, 95, 99])


@pytest.mark.parametrize(("q", "least"), [(50, 1), (90, 64), (95, 130), (99, 662)])
def test_smallest_samples(q: Quantile, least: int) -> None:
    assert percentile([1.0] * least, q) == 1.0
    assert percentile([1.0] * (least - 1), q) == N_TOO_SMALL


@pytest.mark.parametrize("q", [90, 95, 99])
def test_smallest_samples_are_those_of_early_stopping(q: Quantile) -> None:
    """Of n requests at most one beyond the percentile: by chance in less than 1 of 100 runs."""

    def chance(n: int) -> float:
        beyond = 1 - q / 100
        return sum(comb(n, k) * beyond**k * (1 - beyond) ** (n - k) for k in (0, 1))

    assert chance(MINIMUM[q]) <= 0.01 < chance(MINIMUM[q] - 1)


def test_an_empty_sample_has_no_numbers() -> None:
    assert set(distribution("ttft_s", []).values()) == {N_TOO_SMALL}
    assert mean([]) == N_TOO_SMALL


def test_distribution_names() -> None:
    assert distribution("ttft_s", [1.0, 4.0]) == {
        "ttft_s/mean": 2.5,
        "ttft_s/p50": 2.5,
        "ttft_s/p90": N_TOO_SMALL,
        "ttft_s/p95": N_TOO_SMALL,
        "ttft_s/p99": N_TOO_SMALL,
    }


@settings(deadline=None)
@given(st.lists(seconds, min_size=1, max_size=20))
def test_percentiles_lie_within_the_sample_and_rise(few: list[float]) -> None:
    found = [percentile(few * MINIMUM[99], q) for q in QUANTILES]
    numbers = [value for value in found if isinstance(value, float)]
    assert len(numbers) == len(QUANTILES)
    assert min(few) <= numbers[0] and numbers[-1] <= max(few)
    assert all(lower <= higher for lower, higher in pairwise(numbers))
