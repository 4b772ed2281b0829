"""Which requests a run-in holds, and what is refused."""

import pytest

from pipeline.errors import UsageError
from pipeline.workload.run_in import RunIn


@pytest.mark.parametrize(
    ("settings", "held"),
    [
        ({}, []),
        ({"requests": 2}, [0, 1]),
        ({"seconds": 0.25}, [0, 1, 2]),
    ],
)
def test_what_it_holds(settings, held):
    run_in = RunIn(**settings)
    assert [number for number in range(5) if run_in.covers(number, number / 10)] == held


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["workload.run_in.seconds=1", "workload.run_in.requests=1"], "not both"),
        (["workload.run_in.requests=0"], "run_in.requests=0"),
        (["workload.run_in.requests=160"], "leaves nothing to measure of 160 requests"),
        (["workload.run_in.requests=12"], "a multiple of workload.batch_size"),
        (["workload/arrivals=concurrency", "workload.run_in.requests=64"], "of 64 requests"),
        (
            ["workload/arrivals=constant", "workload.rate=8", "workload.run_in.seconds=9"],
            "the last request comes after 8 s",
        ),
    ],
)
def test_what_leaves_nothing_or_half_a_batch_is_refused(overrides, said, config):
    with pytest.raises(UsageError, match=said) as refusal:
        config(*overrides).workload.check(["a", "b"])
    assert "run_in" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["workload.run_in.requests=16"],
        ["workload.run_in.seconds=9"],
        ["workload/arrivals=concurrency", "workload.run_in.requests=5"],
        ["workload/arrivals=poisson", "workload.run_in.seconds=2"],
    ],
)
def test_what_leaves_something_is_taken(overrides, config):
    config(*overrides).workload.check(["a", "b"])
