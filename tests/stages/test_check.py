"""What makes a run INVALID, whatever it measured."""

import pytest

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline
from pipeline.stages.check import check
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import Trace

REQUESTS = tuple(TraceRequest(k, 0, "a", "", (5, 6), 2, 0.0) for k in range(2))
WHOLE = RequestRecord(0, 0, "a", 2, 1.0, 1.0, 0.0, 1.0, (1.5, 2.0), 2.0, (7, 8))


def reasons(*records):
    trace = Trace(REQUESTS)
    one = Iteration(0, 1.0, 2.0, {"decode": 1.0}, AdapterCounts(), 1.0)
    return check(trace, trace.sha256, Timeline(records, (one,)), records, {}, eos=False)


def row(number, **stamps):
    values = WHOLE.to_json() | {"id": number} | stamps
    return RequestRecord.from_json(values)


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        ({"tokens": [0.5, 2.0]}, "request 1 got token 1 0.5 s before it was admitted"),
        ({"finished": 1.0}, "request 1 finished 1 s before it got token 2"),
    ],
)
def test_stamps_out_of_order_are_a_reason_that_names_the_request(stamps, said):
    line = f"1 requests have stamps out of order, first: {said}"
    assert line in reasons(row(0), row(1, **stamps))
    assert line not in reasons(row(0), row(1))
