"""The same numbers by popularity."""

from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics.per_adapter import deciles
from pipeline.metrics.slo import Slo
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]


def asked(make: Make, times: Sequence[int]) -> list[RequestRecord]:
    """So many requests for each of as many adapters; the rarer, the later is its first token."""
    return [
        make(adapter=f"a{rank:03}", tokens=(101.0 + rank, 102.0 + rank), output_ids=(7, 8))
        for rank, count in enumerate(times)
        for _ in range(count)
    ]


def test_twenty_adapters_are_two_a_decile(make: Make) -> None:
    found = deciles(asked(make, range(20, 0, -1)), Slo(ttft=3.5), wall_s=10.0)
    assert found["deciles/1/adapters"] == found["deciles/10/adapters"] == 2
    assert found["deciles/1/requests"] == 20 + 19
    assert found["deciles/10/requests"] == 2 + 1
    assert found["deciles/1/slo_attainment"] == 1
    assert found["deciles/2/slo_attainment"] == 18 / (18 + 17)
    assert found["deciles/3/goodput_rps"] == 0
    assert found["deciles/1/ttft_s/mean"] == (20 * 1 + 19 * 2) / 39
    assert 0 < found["deciles/2/slora_satisfaction"] < found["deciles/1/slora_satisfaction"]


def test_fewer_than_ten_adapters_have_no_deciles(make: Make) -> None:
    base = [make(adapter=None)] * 5
    assert deciles([*asked(make, [1] * 9), *base], Slo(), wall_s=1.0) == {}
    assert deciles([*asked(make, [1] * 10), *base], Slo(), wall_s=1.0)["deciles/10/requests"] == 1


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=10, max_size=35))
def test_every_request_is_in_one_decile(make: Make, times: list[int]) -> None:
    found = deciles(asked(make, times), Slo(), wall_s=1.0)
    sizes = [found[f"deciles/{number}/adapters"] for number in range(1, 11)]
    assert max(sizes) - min(sizes) <= 1 and sum(sizes) == len(times)
    counts = [found[f"deciles/{number}/requests"] for number in range(1, 11)]
    assert sum(counts) == sum(times)
    means = [count / size for count, size in zip(counts, sizes, strict=True)]
    assert means == sorted(means, reverse=True)
