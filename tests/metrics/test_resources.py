"""Where time went, and the rate of decoding."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.stage_clock import STAGES
from pipeline.metrics.definitions import NOT_MEASURED
from pipeline.metrics.resources import decode_throughput, prefill_throughput, stage_seconds
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline

Make = Callable[..., RequestRecord]

marks = st.dictionaries(st.sampled_from(STAGES), st.floats(min_value=0, max_value=1e4))


def iteration(seconds: dict[str, float]) -> Iteration:
    """One that took as long as its stages did."""
    return Iteration(0, 0.0, sum(seconds.values()), seconds, AdapterCounts(), 0.0)


@settings(deadline=None)
@given(st.lists(marks, max_size=5))
def test_stages_add_up_to_the_wall_time(several: list[dict[str, float]]) -> None:
    timeline = Timeline((), tuple(map(iteration, several)))
    found = stage_seconds(timeline.iterations)
    assert list(found) == [f"stage_seconds/{stage}" for stage in STAGES]
    assert sum(found.values()) == pytest.approx(timeline.wall_s)


def test_first_tokens_are_not_decoded(make: Make) -> None:
    stages = iteration({"prefill": 5.0, "decode": 1.5, "sample": 0.5})
    failed = make(error="boom", output_ids=(7, 8))
    silent = make(tokens=(), output_ids=())
    timeline = Timeline((make(), failed, silent), (stages,))
    assert decode_throughput(timeline) == {"decode_tokens_per_s": 1.5}


def test_prompts_are_read_in_prefill_steps(make: Make) -> None:
    stages = iteration({"prefill": 4.0, "decode": 1.5})
    found = prefill_throughput(Timeline((make(), make(error="early", output_ids=())), (stages,)))
    assert found == {"prefill_tokens_per_s": make().prompt_tokens / 4.0}
    untold = Timeline((make(),), (iteration({"other": 5.0}),))
    assert prefill_throughput(untold) == {"prefill_tokens_per_s": NOT_MEASURED}


def test_single_tokens_are_no_decoding(make: Make) -> None:
    """Whatever stages an engine marks on the way to its first tokens."""
    single = make(tokens=(101.0,), finished=101.0, output_ids=(7,))
    timeline = Timeline((single,), (iteration({"prefill": 1.0, "decode": 0.5, "sample": 0.5}),))
    assert decode_throughput(timeline) == {"decode_tokens_per_s": NOT_MEASURED}


def test_an_engine_without_decode_stage_has_no_decode_rate(make: Make) -> None:
    timeline = Timeline((make(),), (iteration({"other": 5.0}),))
    assert decode_throughput(timeline) == {"decode_tokens_per_s": NOT_MEASURED}
