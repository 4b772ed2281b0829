"""The same numbers for each adapter."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.per_adapter import labels, per_adapter
from pipeline.metrics.slo import Slo
from pipeline.metrics.throughput import output_tokens, throughput
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]

adapter = st.none() | st.sampled_from(["a", "b", "base", "c@d", "c%d", "org/name"])
served = st.tuples(adapter, st.integers(min_value=0, max_value=9), st.none() | st.just("boom"))


def test_by_hand(requests: Sequence[RequestRecord]) -> None:
    found = per_adapter(requests, Slo(ttft=1.5), wall_s=6.0)
    assert {name.split("/")[1] for name in found} == {"x", "y", "base"}
    assert (found["adapters/x/requests"], found["adapters/x/failed_requests"]) == (2, 1)
    assert found["adapters/x/output_tokens"] == 4
    assert found["adapters/x/output_tokens_per_s"] == pytest.approx(3 / 6)
    assert found["adapters/x/requests_per_s"] == pytest.approx(1 / 6)
    assert found["adapters/x/ttft_s/p50"] == 1.0
    assert found["adapters/x/goodput_rps"] == pytest.approx(1 / 6)
    assert found["adapters/y/slo_attainment"] == 0.0
    assert found["adapters/y/queue_s/mean"] == 1.0
    assert found["adapters/base/tpot_s/mean"] == found["adapters/base/itl_s/p50"] == 0.5
    assert found["adapters/base/e2e_s/p50"] == 2.0


@settings(deadline=None)
@given(st.lists(served, min_size=1, max_size=30))
def test_adapters_add_up_to_the_run(
    make: Make, asked: list[tuple[str | None, int, str | None]]
) -> None:
    requests = [
        make(adapter=name, output_ids=(1,) * n, tokens=(101.0,) * n, error=error)
        for name, n, error in asked
    ]
    found = per_adapter(requests, Slo(), wall_s=2.0)

    def total(metric: str) -> float:
        return sum(
            value
            for name, value in found.items()
            if name.count("/") == 2 and name.endswith(f"/{metric}") and not isinstance(value, str)
        )

    assert total("requests") == len(requests)
    assert total("output_tokens") == output_tokens(requests)
    run = throughput(requests, wall_s=2.0)
    for rate in ("output_tokens_per_s", "requests_per_s"):
        assert total(rate) == pytest.approx(run[rate])


def test_labels_are_legal_and_differ() -> None:
    names = ["plain-1.5 b", "a@b", "a%b", "org/name", "base", "..", ""]
    found = labels([None, *names])
    assert [found[each] for each in (None, *names)] == [
        "base",
        "plain-1.5 b",
        "a_b_",
        "a_b",
        "org_name",
        "base_",
        "_.",
        "_",
    ]
