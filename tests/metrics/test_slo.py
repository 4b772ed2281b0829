"""Limits on latency, and who keeps them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.metrics.slo import Slo, met, service, slora
from pipeline.metrics.timeline import RequestRecord

Make = Callable[..., RequestRecord]


@pytest.mark.parametrize(
    ("slo", "kept"),
    [
        (Slo(), True),
        (Slo(ttft=1.0), True),
        (Slo(ttft=0.9), False),
        (Slo(tpot=1.0), True),
        (Slo(tpot=0.9), False),
        (Slo(e2e=3.0), True),
        (Slo(e2e=2.9), False),
        (Slo(ttft=1.0, tpot=1.0, e2e=2.9), False),
    ],
)
def test_every_limit_must_be_kept(make: Make, slo: Slo, kept: bool) -> None:
    assert met(make(), slo) is kept


def test_what_is_undefined(make: Make) -> None:
    single = make(tokens=(101.0,), output_ids=(7,))
    silent = make(tokens=(), output_ids=())
    assert met(single, Slo(tpot=0.1))
    assert not met(silent, Slo(ttft=100.0))


def test_failed_requests_are_never_good(make: Make) -> None:
    failed = make(error="boom")
    assert not met(failed, Slo(ttft=100.0)) and not met(failed, Slo())
    assert service([make(), failed], Slo(ttft=100.0), wall_s=4.0) == {
        "goodput_rps": 0.25,
        "slo_attainment": 0.5,
    }


def test_nothing_is_said_without_a_limit(requests: Sequence[RequestRecord]) -> None:
    assert not Slo().is_set
    assert all(slo.is_set for slo in (Slo(ttft=1.0), Slo(tpot=1.0), Slo(e2e=1.0)))
    assert service(requests, Slo(), wall_s=6.0) == {}


def test_slora(make: Make) -> None:
    waits = [make(tokens=(100.0 + wait,)) for wait in (0.0, 3.0, 6.0, 12.0)]
    found = slora([*waits, make(error="boom")])
    assert found["slora_attainment"] == pytest.approx(2 / 5)
    assert found["slora_satisfaction"] == pytest.approx((1 + 0.75) / 5)
    assert slora([make(tokens=())]) == {"slora_attainment": 0.0, "slora_satisfaction": 0.0}


@pytest.mark.parametrize("wrong", [{"ttft": 0.0}, {"e2e": -1.0}, {"tpot": float("inf")}, {"p": 1}])
def test_senseless_limits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Slo(**wrong)
