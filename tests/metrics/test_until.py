"""The rule by which a sweep gets no more repeats."""

from math import inf

import pytest
from pydantic import ValidationError

from pipeline.metrics.until import FEWEST, Until


def test_it_is_met_by_narrow_intervals_of_enough_repeats() -> None:
    until = Until(half_width=0.03)
    assert until.met([0.01, 0.03], FEWEST)
    assert not until.met([0.01, 0.031], FEWEST)
    assert not until.met([0.01, inf], 20)
    assert not until.met([0.01], FEWEST - 1)
    assert Until(half_width=0.03, max_repeats=3).met([0.01], 3)


def test_without_a_width_nothing_is_added() -> None:
    assert Until().met([inf], 1)
    assert [*Until().idle()] == ["max_repeats"]
    assert not Until(half_width=0.1).idle()


@pytest.mark.parametrize("wrong", [{"half_width": 0}, {"half_width": 1}, {"max_repeats": 1}])
def test_nonsense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Until(**wrong)  # type: ignore[arg-type]


def test_it_is_read_from_the_settings_of_a_run() -> None:
    assert Until.of({"until.half_width": None}) is None
    found = Until.of({"until.half_width": 0.03, "until.max_repeats": 9})
    assert found == Until(half_width=0.03, max_repeats=9)
    assert str(found) == (
        "repeats were added until every interval reached \u00b13\u00a0%, "
        "from 5 repeats on, 9 at the most"
    )
