"""Every number of a run, worked out by hand."""

import json
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, sqrt
from pathlib import Path

import pytest

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.metrics import quality
from pipeline.metrics.definitions import (
    DEFINITIONS,
    N_TOO_SMALL,
    NOT_MEASURED,
    definition,
    markdown,
)
from pipeline.metrics.findings import NAMES
from pipeline.metrics.price import Price
from pipeline.metrics.slo import Slo
from pipeline.metrics.summary import summarise
from pipeline.metrics.tables import COLUMNS, JOB_LINE, LATENCIES, MLFLOW, SUMMARY
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline

BY_HAND = {
    "latency_per_iteration_s": 3.0,
    "latency_per_iteration_s/cv": sqrt(2) / 3,
    "sequences_per_s": 3 / 6,
    "requests_per_s": 3 / 6,
    "output_tokens_per_s": 8 / 6,
    "generated_tokens_per_s": 9 / 6,
    "total_tokens_per_s": (45 + 9) / 6,
    "decode_tokens_per_s": 5 / 3.25,
    "prefill_tokens_per_s": 45 / 1.5,
    "goodput_rps": 2 / 6,
    "slo_attainment": 2 / 4,
    "slora_attainment": 3 / 4,
    "slora_satisfaction": (3 - (1 + 4 + 0.25) / 36) / 4,
    "requests": 4,
    "failed_requests": 1,
    "prompt_tokens": 45,
    "output_tokens": 9,
    "iterations": 2,
    "wall_s": 6.0,
    "ttft_s/mean": 3.5 / 3,
    "ttft_s/p50": 1.0,
    "ttft_from_submit_s/mean": 1.0,
    "ttft_from_submit_s/p50": 1.0,
    "tpot_s/mean": 0.75,
    "tpot_s/p50": 0.75,
    "tpot_s/undefined": 1,
    "itl_s/mean": 0.7,
    "itl_s/p50": 0.5,
    "e2e_s/mean": 3.0,
    "e2e_s/p50": 3.0,
    "queue_s/mean": 0.5,
    "queue_s/p50": 0.5,
    "dispatch_lag_s/p50": 0.0,
    "harness_s_per_token": 0.375 / 9,
    "harness_s_per_request": 0.375 / 4,
    "harness_share": 0.375 / 6,
    "jain_index/adapters": (3 / 4.5 + 1 / 4 + 4 / 2) ** 2 / (3 * ((3 / 4.5) ** 2 + 1 / 16 + 4)),
    "adapter_switches": 2,
    "adapter_loads": 2,
    "adapter_evictions": 1,
    "adapter_hit_rate": 2 / 3,
    "prefix_cache_hit_rate": 24 / 40,
    "preemptions": 1,
    "stage_seconds/tokenize": 0.25,
    "stage_seconds/adapter_load": 0.5,
    "stage_seconds/adapter_switch": 0.25,
    "stage_seconds/prefill": 1.5,
    "stage_seconds/decode": 2.75,
    "stage_seconds/sample": 0.5,
    "stage_seconds/detokenize": 0.125,
    "stage_seconds/other": 0.125,
    "load_s": 1.5,
    "warmup_s": 0.5,
    "peak_rss_bytes": 1024,
    "cpu_seconds": 8.0,
    "serving_cpu_seconds": 8.0,
    "cpu_utilisation": 8 / 12,
}

PROFILERS = {
    "roofline_fraction",
    "prefill_roofline_fraction",
    "roofline",
    "stage_clock_overhead",
    "profiler_slowdown",
    "memray/peak_bytes",
    "perf",
}
CAPACITY = {"capacity_rps", "capacity_rps/low", "capacity_rps/high", "capacity_attainment"}
ELSEWHERE = {
    *PROFILERS,
    *CAPACITY,
    "model_bytes",
    "kv_bytes",
    "adapter_bytes",
    *NAMES,
    *quality.NAMES,
}


def test_by_hand(timeline: Timeline) -> None:
    found = summarise(timeline, Slo(ttft=1.5))
    numbers = {
        name: value
        for name, value in found.items()
        if not isinstance(value, str) and not name.startswith("adapters/")
    }
    assert numbers == pytest.approx(BY_HAND)
    assert {value for value in found.values() if isinstance(value, str)} == {
        N_TOO_SMALL,
        NOT_MEASURED,
    }
    assert found["target_rps"] == found["achieved_rps"] == NOT_MEASURED


def test_limits_are_named_only_where_set(timeline: Timeline) -> None:
    free = summarise(timeline, Slo())
    bound = summarise(timeline, Slo(ttft=1.5))
    assert not [name for name in free if "goodput" in name or "slo_attainment" in name]
    assert {"goodput_rps", "adapters/x/slo_attainment"} < bound.keys() - free.keys()


def test_a_run_in_is_counted_and_enters_nothing(timeline: Timeline) -> None:
    """Its first batch: what is left is the second alone, wall time included."""
    first, second = timeline.iterations
    requests = tuple(replace(each, run_in=each.iteration == 0) for each in timeline.requests)
    parted = replace(timeline, requests=requests, iterations=(replace(first, run_in=True), second))
    found = summarise(parted, Slo(ttft=1.5))
    assert (found.pop("run_in_requests"), found.pop("run_in_s")) == (2, 4.0)
    assert found == summarise(
        replace(timeline, requests=requests[2:], iterations=(second,)), Slo(ttft=1.5)
    )
    assert found["wall_s"] == 2.0 and found["output_tokens_per_s"] == 4 / 2


def test_a_run_in_that_leaves_nothing_is_named(timeline: Timeline) -> None:
    everything = tuple(replace(each, run_in=True) for each in timeline.requests)
    with pytest.raises(
        ValueError, match=r"all 4 requests belong to the run-in; make workload\.run_in"
    ):
        summarise(replace(timeline, requests=everything), Slo())


def test_one_iteration_has_no_variation(timeline: Timeline) -> None:
    alone = summarise(replace(timeline, iterations=timeline.iterations[:1]), Slo())
    assert alone["latency_per_iteration_s"] == 4.0
    assert alone["latency_per_iteration_s/cv"] == N_TOO_SMALL


def test_the_prompt_of_a_request_that_never_ran_is_not_throughput(timeline: Timeline) -> None:
    refused = replace(timeline.requests[2], prompt_tokens=1000, tokens=(), output_ids=())
    requests = (*timeline.requests[:2], refused, timeline.requests[3])
    assert summarise(replace(timeline, requests=requests), Slo())["prompt_tokens"] == 35


def test_when_every_request_failed(timeline: Timeline) -> None:
    failed = tuple(replace(each, error="boom") for each in timeline.requests)
    found = summarise(replace(timeline, requests=failed), Slo(e2e=100.0))
    for name in ("requests_per_s", "goodput_rps", "slo_attainment", "slora_satisfaction"):
        assert found[name] == 0
    assert found["ttft_s/mean"] == found["e2e_s/p50"] == N_TOO_SMALL


def test_the_base_model_alone_has_no_hit_rate(requests: Sequence[RequestRecord]) -> None:
    iteration = Iteration(0, 200.0, 202.0, {"decode": 2.0}, AdapterCounts(), 2.0)
    found = summarise(Timeline((requests[3],), (iteration,)), Slo())
    assert found["adapter_hit_rate"] == NOT_MEASURED
    assert found.keys().isdisjoint({"preemptions", "prefix_cache_hit_rate"})


def test_a_prefix_cache_that_is_off_has_no_hit_rate(timeline: Timeline) -> None:
    off = tuple(replace(each, kv=KvCounts(2)) for each in timeline.iterations)
    found = summarise(replace(timeline, iterations=off), Slo())
    assert found["preemptions"] == 4
    assert "prefix_cache_hit_rate" not in found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"requests": ()}, "holds no request"),
        ({"iterations": ()}, "wall time is 0 s"),
        ({"threads": 0}, "0 threads"),
    ],
)
def test_nothing_is_divided_by_zero(
    timeline: Timeline, change: dict[str, int], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        summarise(replace(timeline, **change), Slo())  # type: ignore[arg-type]


def test_every_number_is_finite_and_fits_json(timeline: Timeline) -> None:
    found = summarise(timeline, Slo(ttft=1.5))
    assert all(isinstance(value, str) or isfinite(value) for value in found.values())
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_names_are_legal_in_mlflow(timeline: Timeline) -> None:
    odd = replace(timeline.requests[0], adapter="../we@ird%/na:me")
    for name in summarise(replace(timeline, requests=(odd, *timeline.requests)), Slo(e2e=1.0)):
        assert re.fullmatch(r"[/\w.\- ]+", name) and posixpath.normpath(name) == name


def test_every_metric_is_defined_and_every_definition_used(timeline: Timeline) -> None:
    adapters = (f"adapter {number}" for number in range(10))
    ten = [replace(timeline.requests[0], adapter=name) for name in adapters]
    early = replace(timeline.requests[0], run_in=True)
    requests = (early, *timeline.requests, *ten)
    launched = replace(timeline, requests=requests, outside_peak_bytes=1)
    found = summarise(launched, Slo(ttft=1.5), Price(1.0))
    assert not [name for name in found if definition(name) is None]
    used = {id(definition(name)) for name in found}
    assert {name for name, each in DEFINITIONS.items() if id(each) not in used} == ELSEWHERE
    assert definition("unheard_of") is None


def test_every_metric_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert not [name for name in DEFINITIONS if f"`{name}`" not in page]


def test_the_page_says_of_every_metric_what_the_program_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert markdown() in page, "put what definitions.markdown() returns into docs/metrics.md"


def test_what_stands_in_a_table_has_a_name_there() -> None:
    for name in (*SUMMARY, *LATENCIES):
        assert DEFINITIONS[name].title
    for metric in (*JOB_LINE, *MLFLOW, *(metric for each in COLUMNS for metric in each.metrics)):
        assert definition(metric), metric
