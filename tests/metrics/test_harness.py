"""What measuring itself takes."""

from dataclasses import replace

from pipeline.metrics.definitions import NOT_MEASURED
from pipeline.metrics.resources import harness
from pipeline.metrics.timeline import Timeline


def test_by_hand(timeline: Timeline) -> None:
    assert harness(timeline) == {
        "harness_s_per_token": (0.25 + 0.125) / 9,
        "harness_s_per_request": (0.25 + 0.125) / 4,
        "harness_share": (0.25 + 0.125) / 6,
    }


def test_without_a_token_there_is_no_cost_of_one(timeline: Timeline) -> None:
    silent = replace(timeline.requests[0], tokens=(), output_ids=(), error="boom")
    assert harness(replace(timeline, requests=(silent,)))["harness_s_per_token"] == NOT_MEASURED
