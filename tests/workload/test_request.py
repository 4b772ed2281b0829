"""The excerpt: fixed, bounded, and fair to every adapter."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.workload.request import TraceRequest, excerpt

adapters = st.lists(st.sampled_from([None, "a", "b", "c"]), max_size=30)


def trace(names, tokens=10):
    return tuple(TraceRequest(i, 0, name, "p", (1,), tokens, 0.0) for i, name in enumerate(names))


def test_the_first_of_each():
    chosen = excerpt(trace(["a", "a", None, "a", "b", None, "c"]), 3, 2, 4)
    assert [each.id for each in chosen] == [0, 1, 2, 4, 5]
    assert {each.max_new_tokens for each in chosen} == {4}


def test_a_shorter_output_stays_as_short():
    assert excerpt(trace(["a"], tokens=3), 1, 1, 4)[0].max_new_tokens == 3


@given(adapters, st.integers(1, 5), st.integers(1, 5))
def test_bounds(names, most, each):
    requests = trace(names)
    chosen = excerpt(requests, most, each, 4)
    counts = {name: sum(r.adapter == name for r in chosen) for name in names}
    used = [name for name in dict.fromkeys(names)][:most]
    assert counts == {name: min(each, names.count(name)) if name in used else 0 for name in names}
    assert [r.id for r in chosen] == sorted(r.id for r in chosen)
