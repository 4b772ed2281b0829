"""What load generators report is read, and held against what the server measured."""

from collections import Counter

import pytest

from tests.serve.generators import aiperf, guidellm
from tests.serve.generators.report import Measured, Report, Spread, faults
from tests.serve.launched import LoggedRequest

LOGGED = [LoggedRequest(100.0 + n, 2.0, "ab"[n % 2], 10, 0.5, 200) for n in range(9)]
COUNTED = Counter(
    {
        "vllm:time_to_first_token_seconds_sum": 4.5,
        "vllm:time_to_first_token_seconds_count": 9,
        "vllm:inter_token_latency_seconds_sum": 8.1,
        "vllm:inter_token_latency_seconds_count": 81,
    }
)
SAID = Report(9, 90, 9.1, Spread(503.0, 10.0, 9), Spread(100.5, 2.0, 9))


def test_what_the_server_measured():
    measured = Measured.of(LOGGED, COUNTED)
    assert (measured.requests, measured.tokens, measured.tokens_per_s) == (9, 90, 9.0)
    assert (measured.ttft_ms, measured.itl_ms) == pytest.approx((500.0, 100.0))
    assert measured.models == {"a": 5, "b": 4} and measured.refused == 0
    assert faults(SAID, measured) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tokens": 89}, "89 tokens"),
        ({"requests": 10}, "10 requests"),
        ({"tokens_per_s": 9.5}, "throughputs"),
        ({"ttft": Spread(515.0, 10.0, 9)}, "TTFT differ"),
        ({"itl": Spread(97.0, 2.0, 9)}, "ITL differ"),
    ],
)
def test_what_doesnt_agree_is_said(changed, said):
    (found,) = faults(Report(**vars(SAID) | changed), Measured.of(LOGGED, COUNTED))
    assert said in found


def test_a_refused_request_is_a_fault():
    refused = LoggedRequest(101.0, 0.1, "a", 0, None, 429)
    assert faults(SAID, Measured.of([*LOGGED, refused], COUNTED)) == ["1 requests were refused"]


def test_means_of_several_processes_are_pooled():
    whole = Spread.of([0.001, 0.002, 0.003, 0.007])
    parts = Spread.pooled([Spread.of([0.001, 0.002]), Spread.of([0.003, 0.007])])
    assert vars(parts) == pytest.approx(vars(whole))


def test_an_aiperf_export_is_read():
    told = {
        "request_count": {"avg": 9.0},
        "output_sequence_length": {"avg": 10.0},
        "output_token_throughput": {"avg": 9.1},
        "time_to_first_token": {"avg": 503.0, "std": 10.0},
        "inter_token_latency": {"avg": 100.5, "std": 2.0},
    }
    assert aiperf.read(told) == SAID


def test_reports_of_guidellm_are_read_and_joined():
    def told(mean, deviation=0.0):
        return {"successful": {"mean": mean, "std_dev": deviation, "count": 270}}

    one = {
        "requests": {"successful": [{"output_tokens": 10}] * 3},
        "metrics": {
            "output_tokens_per_second": told(3.0),
            "time_to_first_token_ms": told(503.0, 10.0),
            "inter_token_latency_ms": told(100.5, 2.0),
        },
    }
    joined = guidellm.joined([guidellm.read({"benchmarks": [one]})] * 3)
    assert (joined.requests, joined.tokens, joined.tokens_per_s) == (9, 90, 9.0)
    assert vars(joined.ttft) == pytest.approx(vars(SAID.ttft))
    assert vars(joined.itl) == pytest.approx(vars(SAID.itl))
