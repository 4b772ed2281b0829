"""The bound by hand, and what must hold for any step."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics.roofline import (
    Costs,
    Passes,
    Peaks,
    Step,
    decode_steps,
    prefill_steps,
    roofline,
)
from pipeline.metrics.timeline import RequestRecord

COSTS = Costs(
    projections=900,
    head=100,
    weight_bytes=4_000,
    weight_bits=32,
    kv_bytes=8,
    attention_operations=4,
    windows={None: 2},
    adapters={"a": 50, "b": 70},
    adapter_bytes=4,
)


def at(*contexts: int) -> tuple[range, ...]:
    """Of decode steps: a token a sequence."""
    return tuple(range(each, each + 1) for each in contexts)


def record(
    id_: int, adapter: str | None, tokens: tuple[float, ...], iteration: int = 0
) -> RequestRecord:
    return RequestRecord(
        id=id_,
        iteration=iteration,
        adapter=adapter,
        prompt_tokens=10,
        scheduled=0.0,
        submitted=0.0,
        lag=0.0,
        admitted=0.0,
        tokens=tokens,
        finished=tokens[-1] if tokens else 0.0,
        output_ids=tuple(range(len(tokens))),
    )


def test_bytes_and_operations_by_hand() -> None:
    one = Step(at(11), ("a",))
    assert COSTS.bytes(one) == 4_000 + 11 * 16
    assert COSTS.operations(one) == 2_000 + 11 * 8
    mixed = Step(at(11, 12, 13), ("a", "b", None))
    assert COSTS.bytes(mixed) == 4_000 + (50 + 70) * 4 + 36 * 16
    assert COSTS.operations(mixed) == 6_000 + 36 * 8


def test_an_adapter_is_read_once_a_step_and_one_for_all_could_be_folded_in() -> None:
    assert COSTS.bytes(Step(at(1, 1), ("a", "a"))) == 4_000 + 2 * 16
    assert COSTS.bytes(Step(at(1, 1, 1), ("a", "a", None))) == 4_000 + 50 * 4 + 3 * 16


def test_steps_of_groups_that_are_served_one_after_the_other() -> None:
    """First tokens are prefill's; tokens with one stamp are one step."""
    steps = decode_steps(
        [
            record(0, "a", (1.0, 1.5, 2.0)),
            record(1, "a", (1.0, 1.5)),
            record(2, "b", (3.0, 3.5)),
            record(3, "b", (9.0,)),
        ]
    )
    assert steps == (
        Step(at(11, 11), ("a", "a")),
        Step(at(12), ("a",)),
        Step(at(11), ("b",)),
    )


def test_the_same_stamp_in_another_iteration_is_another_step() -> None:
    rows = [record(0, "a", (1.0, 2.0)), record(1, "a", (1.0, 2.0), iteration=1)]
    assert len(decode_steps(rows)) == 2


def test_the_fraction_by_hand() -> None:
    """4,176 bytes at 1,000 B/s take 4.176 s; 2,088 operations at 1,000 /s take 2.088 s."""
    decoding = Passes("decode", (Step(at(11), ("a",)),), 8.352, COSTS)
    found = roofline(decoding, Peaks(1_000, {32: 1_000}))
    assert found.fraction == pytest.approx(0.5)
    assert found.roof == "memory"
    assert (found.memory_s, found.compute_s) == pytest.approx((4.176, 2.088))
    starved = roofline(decoding, Peaks(1_000, {32: 250}))
    assert starved.roof == "compute"
    assert starved.bound_s == pytest.approx(8.352)


@pytest.mark.parametrize(("steps", "seconds"), [((), 1.0), ((Step(at(1), ("a",)),), 0.0)])
def test_nothing_measured_is_no_number(steps: tuple[Step, ...], seconds: float) -> None:
    with pytest.raises(ValueError, match="no decode step"):
        roofline(Passes("decode", steps, seconds, COSTS), Peaks(1, {32: 1}))


names = st.sampled_from(("a", "b", None))
rows = st.lists(st.tuples(st.integers(1, 4096), names), min_size=1, max_size=8)
speed = st.floats(1e3, 1e12)


def step(sequences: list[tuple[int, str | None]]) -> Step:
    contexts, adapters = zip(*sequences, strict=True)
    return Step(at(*contexts), adapters)


@given(st.lists(rows, min_size=1, max_size=5), speed, speed, st.floats(1.0, 100.0))
def test_a_run_no_faster_than_its_bound_is_at_most_1(
    several: list[list[tuple[int, str | None]]], read: float, compute: float, slower: float
) -> None:
    steps, peaks = tuple(map(step, several)), Peaks(read, {32: compute})
    bound = roofline(Passes("decode", steps, 1.0, COSTS), peaks).bound_s * len(steps)
    found = roofline(Passes("decode", steps, bound * slower, COSTS), peaks)
    assert found.fraction == pytest.approx(1 / slower)
    assert found.bound_s >= max(found.memory_s, found.compute_s) * (1 - 1e-9)


@given(rows, rows, speed, speed)
def test_more_sequences_never_need_less(
    some: list[tuple[int, str | None]],
    more: list[tuple[int, str | None]],
    read: float,
    compute: float,
) -> None:
    few, many = step(some), step(some + more)
    assert COSTS.bytes(many) >= COSTS.bytes(few)
    assert COSTS.operations(many) > COSTS.operations(few)
    peaks = Peaks(read, {32: compute})
    alone = roofline(Passes("decode", (few,), 1.0, COSTS), peaks).bound_s
    assert roofline(Passes("decode", (many,), 1.0, COSTS), peaks).bound_s >= alone


@given(rows, st.integers(1, 10_000))
def test_heavier_weights_never_need_less(
    sequences: list[tuple[int, str | None]], extra: int
) -> None:
    heavier = replace(COSTS, weight_bytes=COSTS.weight_bytes + extra)
    assert heavier.bytes(step(sequences)) == COSTS.bytes(step(sequences)) + extra


def test_prefill_by_hand() -> None:
    """A prompt of 3 sees 1 + 2 + 3 positions in each of two layers; the head, its last token."""
    prompt = Step((range(1, 4),), (None,))
    assert COSTS.operations(prompt) == 2 * (3 * 900 + 100) + 2 * 6 * 4
    assert COSTS.bytes(prompt) == 4_000 + 2 * 3 * 8


def test_prefill_is_told_by_first_tokens_unless_somebody_decoded_meanwhile() -> None:
    together = [record(0, "a", (1.0, 1.5, 2.0)), record(1, "b", (1.0, 1.5))]
    assert prefill_steps(together) == (Step((range(1, 11),) * 2, ("a", "b")),)
    late = [*together, record(2, None, (1.7,))]
    assert prefill_steps(late) == ()
    elsewhere = [*together, record(2, None, (1.7,), iteration=1)]
    assert len(prefill_steps(elsewhere)) == 2
    after = [*together, replace(record(2, None, (3.0,)), admitted=2.0)]
    assert len(prefill_steps(after)) == 2


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 40))
def test_no_layer_sees_beyond_its_window(first: int, more: int, window: int) -> None:
    contexts = range(first, first + more + 1)
    near = replace(COSTS, windows={window: 1})
    base = replace(COSTS, windows={window: 0})
    step = Step((contexts,), (None,))
    seen = sum(min(each, window) for each in contexts)
    assert near.operations(step) - base.operations(step) == 4 * seen
    assert near.bytes(step) - base.bytes(step) == 8 * min(contexts[-1], window)
