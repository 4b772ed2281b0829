"""Latencies of single requests, and which requests enter a sample."""

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

import pipeline
from pipeline.metrics.definitions import N_TOO_SMALL
from pipeline.metrics.latency import latencies, latency, sample
from pipeline.metrics.timeline import RequestRecord

ROOT = Path(pipeline.__path__[0])

Make = Callable[..., RequestRecord]


def test_by_hand(make: Make) -> None:
    found = latencies(make(submitted=100.25))
    assert found.ttft_s == 1.0
    assert found.ttft_from_submit_s == 0.75
    assert found.tpot_s == 1.0
    assert found.itl_s == [0.5, 1.5]
    assert found.e2e_s == 3.0
    assert found.queue_s == 0.5


def test_tpot_ends_with_the_request_not_with_its_last_stamp(make: Make) -> None:
    assert latencies(make(finished=104.0)).tpot_s == 1.5


def test_without_a_token_there_is_no_ttft(make: Make) -> None:
    found = latencies(make(tokens=(), output_ids=(), admitted=None))
    assert found.ttft_s is found.ttft_from_submit_s is found.tpot_s is found.queue_s is None
    assert found.itl_s == []


def test_a_stalled_engine_shows_in_latency_from_the_schedule(make: Make) -> None:
    """It accepts the request 60 s late and is quick from then on."""
    late = latencies(make(submitted=160.0, admitted=160.0, tokens=(160.5, 161.0), finished=161.0))
    assert late.ttft_from_submit_s == 0.5
    assert (late.ttft_s, late.e2e_s, late.queue_s) == (60.5, 61.0, 60.0)


def test_one_function_computes_them() -> None:
    """Nobody else takes one stamp of a record from another."""
    stamps = {"scheduled", "submitted", "admitted", "tokens", "finished"}
    elsewhere = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        if path.name != "latency.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
        if all(_attributes(side) & stamps for side in (node.left, node.right))
    ]
    assert not elsewhere


def _attributes(tree: ast.expr) -> set[str]:
    return {each.attr for each in ast.walk(tree) if isinstance(each, ast.Attribute)}


def test_failed_requests_enter_no_sample(requests: Sequence[RequestRecord], make: Make) -> None:
    failed = make(error="boom", finished=999.0)
    assert latency([*requests, failed]) == latency(requests)


def test_gaps_are_pooled_over_requests(requests: Sequence[RequestRecord]) -> None:
    assert sample("itl_s", map(latencies, requests)) == [0.5, 1.5, 0.5, 0.5, 0.5]


def test_requests_without_a_tpot_are_counted(make: Make) -> None:
    single = make(tokens=(101.0,), output_ids=(7,))
    found = latency([make(), single, make(error="boom", tokens=(), output_ids=())])
    assert found["tpot_s/undefined"] == 1
    assert found["tpot_s/mean"] == 1.0
    assert latency([single])["tpot_s/p50"] == N_TOO_SMALL
