"""What is measured survives its JSON, stamp for stamp."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.inference.stage_clock import STAGES
from pipeline.metrics.timeline import Iteration, RequestRecord

stamp = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(min_value=0)
text = st.none() | st.text()

records = st.builds(
    RequestRecord,
    id=count,
    iteration=count,
    adapter=text,
    prompt_tokens=count,
    scheduled=stamp,
    submitted=stamp,
    lag=stamp,
    admitted=st.none() | stamp,
    tokens=st.lists(stamp, max_size=5).map(tuple),
    finished=stamp,
    output_ids=st.lists(count, max_size=5).map(tuple),
    text=text,
    error=text,
)

iterations = st.builds(
    Iteration,
    index=count,
    started=stamp,
    ended=stamp,
    stage_seconds=st.dictionaries(st.sampled_from(STAGES), stamp),
    adapters=st.builds(AdapterCounts, count, count, count, count, count),
    cpu_seconds=stamp,
    kv=st.none() | st.builds(KvCounts, count, count, count),
)


@settings(deadline=None)
@given(records)
def test_request_round_trip(record: RequestRecord) -> None:
    assert RequestRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


@settings(deadline=None)
@given(iterations)
def test_iteration_round_trip(iteration: Iteration) -> None:
    assert Iteration.from_json(json.loads(json.dumps(iteration.to_json()))) == iteration
