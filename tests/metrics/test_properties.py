"""What holds for every run, whatever happened in it."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf, isfinite, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.stage_clock import STAGES
from pipeline.metrics.definitions import (
    ADAPTERS,
    DECILES,
    DEFINITIONS,
    N_TOO_SMALL,
    NOT_MEASURED,
    definition,
)
from pipeline.metrics.slo import Slo
from pipeline.metrics.summary import summarise
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline

Make = Callable[..., RequestRecord]

STATISTICS = {"mean", "p50", "p90", "p95", "p99"} | {"adapters", "tenants"}

stamp = st.floats(min_value=0, max_value=1e6)
duration = st.floats(min_value=1e-6, max_value=1e5)
limit = st.none() | st.floats(min_value=1e-3, max_value=1e3)


@st.composite
def records(draw: st.DrawFn) -> RequestRecord:
    """A request whose stamps are in order; it may have failed, or never been admitted."""
    stamps = sorted(draw(st.lists(stamp, min_size=4, max_size=10)))
    tokens = tuple(stamps[3 : 3 + draw(st.integers(0, len(stamps) - 3))])
    return RequestRecord(
        id=0,
        iteration=0,
        adapter=draw(st.none() | st.text(max_size=6)),
        prompt_tokens=draw(st.integers(0, 99)),
        scheduled=stamps[0],
        submitted=stamps[1],
        lag=draw(stamp),
        admitted=draw(st.sampled_from([None, stamps[2]])),
        tokens=tokens,
        finished=stamps[-1],
        output_ids=tuple(range(len(tokens))),
        error=draw(st.sampled_from([None, "boom"])),
    )


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """A run of one iteration."""
    requests = tuple(draw(st.lists(records(), min_size=1, max_size=8)))
    stages = draw(st.dictionaries(st.sampled_from(STAGES), st.just(0.0) | duration))
    one = Iteration(0, 0.0, draw(duration), stages, AdapterCounts(), draw(stamp))
    return Timeline(requests, (one,))


def defined(name: str) -> bool:
    """Stricter than `definition`: what follows a family's name must be a statistic."""
    if name.startswith((ADAPTERS, DECILES)):
        name = name.split("/", 2)[2]
    family, _, last = name.rpartition("/")
    return name in DEFINITIONS or (family in DEFINITIONS and last in STATISTICS)


@settings(deadline=None, max_examples=50)
@given(timelines(), st.builds(Slo, limit, limit, limit))
def test_every_run(timeline: Timeline, slo: Slo) -> None:
    found = summarise(timeline, slo)
    numbers = {name: value for name, value in found.items() if not isinstance(value, str)}
    assert all(map(isfinite, numbers.values()))
    assert set(found.values()) - set(numbers.values()) <= {N_TOO_SMALL, NOT_MEASURED}
    assert all(definition(name) and defined(name) for name in found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert 0 <= numbers["slora_satisfaction"] <= numbers["slora_attainment"] <= 1
    assert ("goodput_rps" in found) is slo.is_set
    assert numbers.get("goodput_rps", 0) <= numbers["requests_per_s"]
    assert 0 <= numbers.get("slo_attainment", 0) <= 1


@settings(deadline=None, max_examples=30)
@given(timelines(), st.floats(min_value=1e-3, max_value=1e3), st.floats(1, 10))
def test_a_wider_limit_is_kept_by_no_fewer(timeline: Timeline, ttft: float, wider: float) -> None:
    strict, lax = (summarise(timeline, Slo(ttft=each)) for each in (ttft, ttft * wider))
    assert float(strict["slo_attainment"]) <= float(lax["slo_attainment"])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"finished": nan}, "tpot_s/mean"),
        ({"lag": nan}, "dispatch_lag_s/p50"),
    ],
)
def test_a_stamp_that_is_no_number_is_refused(
    make: Make, timeline: Timeline, change: dict[str, float], name: str
) -> None:
    broken = replace(timeline, requests=(make(**change),))
    with pytest.raises(ValueError, match=f"no metrics: {name} comes out as") as refusal:
        summarise(broken, Slo())
    assert "\n" not in str(refusal.value)


def test_an_endless_iteration_is_refused(timeline: Timeline) -> None:
    endless = replace(timeline.iterations[0], ended=inf)
    with pytest.raises(ValueError, match="latency_per_iteration_s comes out as inf"):
        summarise(replace(timeline, iterations=(endless,)), Slo())
