"""Records and a timeline whose numbers can be worked out by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline

Make = Callable[..., RequestRecord]

PLAIN = RequestRecord(
    id=0,
    iteration=0,
    adapter="x",
    prompt_tokens=10,
    scheduled=100.0,
    submitted=100.0,
    lag=0.0,
    admitted=100.5,
    tokens=(101.0, 101.5, 103.0),
    finished=103.0,
    output_ids=(7, 8, 9),
)


@pytest.fixture(scope="session")
def make() -> Make:
    """Makes a request that took 3 s for 3 tokens, but for the named changes."""

    def changed(**changes: Any) -> RequestRecord:
        return replace(PLAIN, **changes)

    return changed


@pytest.fixture(scope="session")
def requests(make: Make) -> tuple[RequestRecord, ...]:
    """A plain one, a short one that waited, a failed one, one for the base model."""
    second = {"iteration": 1, "scheduled": 200.0, "submitted": 200.0}
    return (
        make(),
        make(
            id=1,
            adapter="y",
            prompt_tokens=20,
            submitted=100.5,
            lag=0.25,
            admitted=101.0,
            tokens=(102.0,),
            finished=104.0,
            output_ids=(7,),
        ),
        make(
            id=2,
            admitted=201.0,
            tokens=(201.0,),
            finished=201.5,
            output_ids=(7,),
            error="boom",
            **second,
        ),
        make(
            id=3,
            adapter=None,
            prompt_tokens=5,
            admitted=200.0,
            tokens=(200.5, 201.0, 201.5, 202.0),
            finished=202.0,
            output_ids=(7, 8, 9, 10),
            **second,
        ),
    )


@pytest.fixture(scope="session")
def iterations() -> tuple[Iteration, ...]:
    """Two batches, of 4 s and of 2 s."""
    first = {
        "tokenize": 0.25,
        "adapter_load": 0.5,
        "adapter_switch": 0.25,
        "prefill": 1.0,
        "decode": 1.5,
        "sample": 0.25,
        "detokenize": 0.125,
        "other": 0.125,
    }
    second = {"prefill": 0.5, "decode": 1.25, "sample": 0.25}
    found, more = KvCounts(1, 16, 30), KvCounts(0, 8, 10)
    return (
        Iteration(0, 100.0, 104.0, first, AdapterCounts(2, 2, 1, 1, 2), 6.0, 0.25, kv=found),
        Iteration(1, 200.0, 202.0, second, AdapterCounts(0, 0, 0, 1, 1), 2.0, 0.125, kv=more),
    )


@pytest.fixture(scope="session")
def timeline(requests: tuple[RequestRecord, ...], iterations: tuple[Iteration, ...]) -> Timeline:
    """Both, on two threads."""
    return Timeline(requests, iterations, load_s=1.5, warmup_s=0.5, peak_rss_bytes=1024, threads=2)
