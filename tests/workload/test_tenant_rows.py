"""Who asked is in the rows of a run, and rows of before are still read."""

from time import perf_counter

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.inference.events import Finished, FinishReason
from pipeline.metrics.timeline import RequestRecord
from pipeline.stages.replay import Replay
from pipeline.workload.trace import Trace
from pipeline.workload.trace_file import read_trace
from tests.workload import golden


class Instant(Engine):
    """Answers everything with nothing, at once."""

    def __init__(self):
        super().__init__(Capabilities())

    def __enter__(self):
        return self

    def close(self):
        pass

    @property
    def backend(self):
        return Backend("none")

    def step(self):
        done = [request.id for request in self.inbox.take()[0]]
        self.inbox.end(done)
        return [Finished(each, perf_counter(), FinishReason.LENGTH) for each in done]

    @property
    def adapter_counts(self):
        return AdapterCounts()

    def score(self, adapter, prompt_ids, continuation_ids):
        return None


def test_the_tenant_goes_from_the_trace_into_the_rows(tmp_path):
    drawn = golden.workload("tenants").trace(golden.ADAPTERS, golden.encode)
    drawn.write(tmp_path / "trace.jsonl")
    trace = read_trace(tmp_path / "trace.jsonl")
    assert trace.requests == drawn.requests
    with Instant() as engine:
        _, records = Replay(engine, trace.iterations[0], None).run(0)
    asked = {request.id: request.tenant for request in trace.requests}
    assert len({record.tenant for record in records}) == 2
    for record in records:
        assert record.tenant == asked[record.id]
        assert RequestRecord.from_json(record.to_json()) == record


def test_rows_of_before_have_no_tenant(tmp_path):
    with Instant() as engine:
        trace = golden.workload().trace(golden.ADAPTERS, golden.encode)
        _, records = Replay(engine, trace.iterations[0], None).run(0)
    row = records[0].to_json()
    assert row.pop("tenant") is None
    assert RequestRecord.from_json(row) == records[0]
    assert isinstance(trace, Trace) and all(each.tenant is None for each in trace.requests)
