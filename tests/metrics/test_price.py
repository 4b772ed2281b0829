"""What a million tokens cost."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from pipeline.metrics.definitions import NOT_MEASURED
from pipeline.metrics.price import Price, cost


def test_all_wall_time_is_paid_and_only_what_was_finished_was_worth_it(timeline):
    """Eight tokens of the fixture's nine, in six seconds."""
    found = cost(timeline.requests, Price(per_hour=0.9), timeline.wall_s)
    assert found == {"cost_per_million_tokens": pytest.approx(0.9 * 6 / 3600 / 8e-6)}


def test_without_a_price_there_is_no_cost(timeline):
    assert cost(timeline.requests, Price(), timeline.wall_s) == {}


def test_nothing_served_has_no_cost(timeline):
    failed = [replace(each, error="broken") for each in timeline.requests]
    assert cost(failed, Price(1.0), 6.0) == {"cost_per_million_tokens": NOT_MEASURED}


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "much"])
def test_a_price_is_a_positive_number(wrong):
    with pytest.raises(ValidationError):
        Price(per_hour=wrong)
