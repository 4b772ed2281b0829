"""Laws, traces and their files."""

import math
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from pipeline.errors import UsageError
from pipeline.workload.popularity.distinct import Distinct
from pipeline.workload.popularity.identical import Identical
from pipeline.workload.popularity.round_robin import RoundRobin
from pipeline.workload.popularity.uniform import Uniform
from pipeline.workload.popularity.zipf import Zipf
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import Trace
from pipeline.workload.trace_file import read_trace
from tests.workload import golden

DRAWS, N = 20_000, 8


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_zipf_draws_pass_a_chi_square_test(alpha):
    counts = Counter(Zipf(name="zipf", alpha=alpha).draw([DRAWS], N, Random(7)))
    weights = [(i + 1) ** -alpha for i in range(N)]
    expected = [DRAWS * weight / sum(weights) for weight in weights]
    assert chisquare([counts[i] for i in range(N)], expected).pvalue > 0.001


def test_the_chi_square_test_can_fail():
    counts = Counter(Zipf(name="zipf", alpha=1.1).draw([DRAWS], N, Random(7)))
    expected = [DRAWS * each for each in Zipf(name="zipf", alpha=1.0).probabilities(N)]
    assert chisquare([counts[i] for i in range(N)], expected).pvalue < 0.001


def test_zipf_at_alpha_0_is_uniform():
    zipf, uniform = Zipf(name="zipf", alpha=0), Uniform(name="uniform")
    assert zipf.probabilities(N) == uniform.probabilities(N)
    assert zipf.draw([100], N, Random(1)) == uniform.draw([100], N, Random(1))


def test_the_laws_without_chance():
    assert RoundRobin(name="r").draw([3, 4], 3, Random(0)) == [0, 1, 2, 0, 1, 2, 0]
    assert Identical(name="i").draw([2, 2], 3, Random(0)) == [0, 0, 0, 0]


@given(st.integers(1, 8), st.integers(0, 999))
def test_distinct_never_repeats_within_a_batch(size, seed):
    drawn = Distinct(name="d").draw([size, size], N, Random(seed))
    assert len(set(drawn[:size])) == len(set(drawn[size:])) == size


def test_distinct_refuses_more_requests_than_adapters():
    with pytest.raises(
        UsageError, match=r"9 requests at a time need 9 .* raise adapters.count to 9"
    ):
        Distinct(name="d").check([9], N)


@given(st.sampled_from(["concurrency", "poisson", "gamma 3", "ramp", "replay"]), st.integers(0, 9))
def test_distinct_never_repeats_in_a_run_without_batches(arrivals, seed):
    """Whatever answers take longest: no two requests that could meet share an adapter."""
    names = [f"adapter-{index}" for index in range(64)]
    workload = golden.workload("distinct", arrivals, seeds=(0, seed, seed))
    asked = [request.adapter for request in workload.trace(names, golden.encode).requests]
    assert len({*asked}) == len(asked) > 40
    with pytest.raises(UsageError, match=rf"need {len(asked)} adapters, and there are 16"):
        workload.check(names[:16])


requests = st.lists(
    st.builds(
        TraceRequest,
        id=st.just(0),
        iteration=st.integers(0, 3),
        adapter=st.none() | st.text(min_size=1),
        prompt=st.text(),
        prompt_ids=st.lists(st.integers(0, 2047)).map(tuple),
        max_new_tokens=st.integers(1, 99),
        scheduled_s=st.floats(0, 1e6),
    ),
    min_size=1,
)


def numbered(rows):
    from dataclasses import replace

    rows = sorted(rows, key=lambda row: (row.iteration, row.scheduled_s))
    return tuple(replace(row, id=index) for index, row in enumerate(rows))


@given(requests)
def test_a_trace_is_read_as_it_was_written(rows):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path, trace = Path(folder) / "trace.jsonl", Trace(numbered(rows), 4)
        trace.write(path)
        assert read_trace(path).sha256 == trace.sha256
        assert read_trace(path).requests == trace.requests


def test_a_trace_cut_anywhere_is_refused(tmp_path):
    row = TraceRequest(0, 0, "a", "héllo", (1, 2), 3, 0.0)
    path, trace = tmp_path / "trace.jsonl", Trace(numbered([row] * 4))
    trace.write(path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError):
            read_trace(path)


def test_a_trace_is_the_same_on_every_machine(prepared):
    overrides = ("workload.iterations=2", "workload.alpha=1.3")
    one, two = prepared(*overrides).trace, prepared(*overrides).trace
    other = prepared(*overrides, "workload.seeds.adapters=1").trace
    assert one.sha256 == two.sha256 != other.sha256
    assert [r.prompt for r in one.requests] == [r.prompt for r in other.requests]


def test_the_probability_vector_is_kept(prepared):
    sidecar = prepared("workload.alpha=2").trace.sidecar()
    assert math.isclose(sum(sidecar["probabilities"]), 1, abs_tol=1e-9)
