"""Latencies of single requests, and which requests enter a sample."""

from collections.abc import Callable, Sequence

from pipeline.metrics.latency import (
    LATENCIES,
    e2e_s,
    itl_s,
    latency,
    queue_s,
    sample,
    tpot_s,
    ttft_from_submit_s,
    ttft_s,
)
from pipeline.metrics.percentiles import N_TOO_SMALL
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]


def test_by_hand(make: Make) -> None:
    record = make(submitted=100.25)
    assert ttft_s(record) == 1.0
    assert ttft_from_submit_s(record) == 0.75
    assert tpot_s(record) == 1.0
    assert itl_s(record) == [0.5, 1.5]
    assert e2e_s(record) == 3.0
    assert queue_s(record) == 0.5


def test_tpot_ends_with_the_request_not_with_its_last_stamp(make: Make) -> None:
    assert tpot_s(make(finished=104.0)) == 1.5


def test_without_a_token_there_is_no_ttft(make: Make) -> None:
    record = make(tokens=(), output_ids=(), admitted=None)
    assert ttft_s(record) is ttft_from_submit_s(record) is tpot_s(record) is queue_s(record) is None
    assert itl_s(record) == []


def test_a_stalled_engine_shows_in_latency_from_the_schedule(make: Make) -> None:
    """It accepts the request 60 s late and is quick from then on."""
    late = make(submitted=160.0, admitted=160.0, tokens=(160.5, 161.0), finished=161.0)
    assert ttft_from_submit_s(late) == 0.5
    assert (ttft_s(late), e2e_s(late), queue_s(late)) == (60.5, 61.0, 60.0)


def test_failed_requests_enter_no_sample(requests: Sequence[RequestRecord], make: Make) -> None:
    failed = make(error="boom", finished=999.0)
    for name in LATENCIES:
        assert sample(name, [*requests, failed]) == sample(name, requests)


def test_gaps_are_pooled_over_requests(requests: Sequence[RequestRecord]) -> None:
    assert sample("itl_s", requests) == [0.5, 1.5, 0.5, 0.5, 0.5]


def test_requests_without_a_tpot_are_counted(make: Make) -> None:
    single = make(tokens=(101.0,), output_ids=(7,))
    found = latency([make(), single, make(error="boom", tokens=(), output_ids=())])
    assert found["tpot_s/undefined"] == 1
    assert found["tpot_s/mean"] == 1.0
    assert latency([single])["tpot_s/p50"] == N_TOO_SMALL
