"""What happened in another order than it can have happened in is named."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.integrity import disorder
from pipeline.metrics.latency import latencies
from pipeline.metrics.slo import Slo, met
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"finished": 100.5}, "finished 2.5 s before it got token 3"),
        ({"tokens": (99.0, 101.0, 103.0)}, "got token 1 1.5 s before it was admitted"),
        ({"tokens": (101.0, 103.0, 102.5)}, "got token 3 0.5 s before it got token 2"),
        ({"submitted": 99.0}, "was submitted 1 s before it was scheduled"),
        (
            {"admitted": None, "tokens": (), "finished": 99.0},
            "finished 1 s before it was submitted",
        ),
    ],
)
def test_each_disorder_is_named(make: Make, change: dict[str, object], said: str) -> None:
    (line,) = disorder([make(), make(id=7, **change), make(id=8, **change)])
    assert line == f"2 requests have stamps out of order, first: request 7 {said}"


def test_what_the_limits_would_have_let_pass(make: Make) -> None:
    """Negative latencies keep every limit there is."""
    broken = make(tokens=(99.0, 99.5, 99.75), finished=98.0)
    assert latencies(broken).ttft_s < 0 and latencies(broken).tpot_s < 0  # type: ignore[operator]
    assert met(broken, Slo(ttft=1.0, tpot=1.0, e2e=1.0)) and disorder([broken])


@given(st.lists(st.floats(0, 1e6), min_size=4, max_size=9).map(sorted))
def test_stamps_in_order_are_no_fault(stamps: list[float]) -> None:
    scheduled, submitted, admitted, *tokens = stamps
    request = RequestRecord(
        0, 0, None, 1, scheduled, submitted, 0.0, admitted, tuple(tokens), tokens[-1], ()
    )
    assert disorder([request]) == ()
