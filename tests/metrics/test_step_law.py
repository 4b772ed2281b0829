"""Steps found in stamps, and a law found in steps."""

import numpy as np
import pytest

from pipeline.metrics.engine_steps import EngineStep, engine_steps, steps_in_gaps
from pipeline.metrics.step_law import StepLaw, fitted
from pipeline.metrics.timeline import RequestRecord

RANKS = {"a": 8, "b": 32}


def record(number, adapter, admitted, tokens, prompt=5):
    return RequestRecord(
        id=number,
        iteration=0,
        adapter=adapter,
        prompt_tokens=prompt,
        scheduled=0.0,
        submitted=0.0,
        lag=0.0,
        admitted=admitted,
        tokens=tuple(tokens),
        finished=tokens[-1],
        output_ids=tuple(range(len(tokens))),
    )


def test_steps_are_what_has_a_stamp_in_common():
    one = record(0, "a", 1.0, [1.5, 2.0, 3.0], prompt=7)
    two = record(1, "b", 2.0, [3.0, 3.5])
    assert engine_steps([one, two], RANKS) == (
        EngineStep(0.5, 0, 7, 1, 8, 7 * 8),
        EngineStep(0.5, 1, 0, 1, 8, 8),
        EngineStep(1.0, 1, 5, 2, 40, 6 * 32),
        EngineStep(0.5, 1, 0, 1, 32, 32),
    )


def test_an_idle_engine_takes_no_time():
    late = record(1, "b", 9.0, [9.5])
    assert engine_steps([record(0, "a", 1.0, [1.5]), late], RANKS)[1].seconds == 0.5


def test_gaps_are_counted_in_steps():
    whole, passed_over = record(0, "a", 1.0, [1.5, 2.0, 3.0]), record(1, "b", 1.0, [1.5, 3.0, 3.5])
    assert steps_in_gaps([whole, passed_over]) == [1, 1, 2, 1]
    assert steps_in_gaps([record(0, "a", 1.0, [1.5]), record(1, None, 1.0, [2.0, 3.0])]) == [1]
    assert steps_in_gaps([]) == []


def steps(law, number=400, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        decodes, read = int(rng.integers(0, 30)), int(rng.integers(0, 3)) * 50 + 1
        used = rng.choice([8, 16, 32, 64], int(rng.integers(1, 12)))
        padded = (decodes + read) * int(used.max())
        seconds = law.seconds(decodes, read, len(used), int(used.sum()), int(used.max()))
        seconds *= float(np.exp(rng.normal(0, noise)))
        yield EngineStep(seconds, decodes, read, len(used), int(used.sum()), padded)


def test_a_law_is_found_again():
    law = StepLaw(
        step_s=0.01, decode_s=1e-3, prefill_s=5e-4, adapter_s=2e-4, rank_s=1e-5, padded_s=1e-6
    )
    found = fitted([*steps(law)])
    for name in ("step_s", "decode_s", "prefill_s", "adapter_s", "rank_s", "padded_s"):
        assert getattr(found.law, name) == pytest.approx(getattr(law, name), rel=1e-6)
    assert found.r2 == pytest.approx(1) and found.total_error < 1e-9


def test_noise_is_told_and_does_not_change_the_sum():
    law = StepLaw(step_s=0.01, decode_s=1e-3, prefill_s=5e-4)
    measured = [*steps(law, 2000, noise=0.2)]
    found = fitted(measured)
    foretold = sum(
        found.law.step_s
        + found.law.decode_s * each.decodes
        + found.law.prefill_s * each.prefill_tokens
        + found.law.adapter_s * each.adapters
        + found.law.rank_s * each.ranks
        + found.law.padded_s * each.padded
        for each in measured
    )
    assert foretold == pytest.approx(sum(each.seconds for each in measured))
    assert 0.1 < found.typical_error < 0.2
    assert 0.5 < found.r2 < 0.99


def test_too_few_steps_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fitted([*steps(StepLaw(step_s=1.0), number=5)])
    with pytest.raises(ValueError, match="too few"):
        fitted([])


@pytest.mark.parametrize(
    ("step_s", "decode_s", "said"),
    [(0, 0.01, "would take no time; measure smaller"), (1e5, 0, r"no law is theirs: step_s=\d+")],
)
def test_steps_that_no_law_describes_are_refused_in_a_line(step_s, decode_s, said):
    sizes = [1 + number % 7 for number in range(60)]
    taken = [EngineStep(step_s + decode_s * each, each, 0, 0, 0, 0) for each in sizes]
    with pytest.raises(ValueError, match=said) as raised:
        fitted(taken)
    assert "\n" not in str(raised.value) and "pydantic" not in str(raised.value)
