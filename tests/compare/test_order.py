"""Who runs when: repeats one after the other, blocks together, an order of its own in each."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.compare.order import Block, running_order

BLOCKS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), max_size=30)


def sweep(repeats: int, traces: int, engines: int) -> list[Block]:
    """A sweep given engine by engine, repeats outermost."""
    return [
        (repeat, trace)
        for repeat in range(repeats)
        for _ in range(engines)
        for trace in range(traces)
    ]


def test_without_a_seed_it_runs_repeat_by_repeat_as_given() -> None:
    repeats: list[Block] = [(0, "a"), (1, "a"), (0, "b"), (1, "b"), (0, "a"), (1, "a")]
    assert running_order(repeats, None) == [0, 2, 4, 1, 3, 5]
    assert running_order([(1, "a"), (0, "a")], None) == [1, 0]


@given(BLOCKS, st.none() | st.integers(0, 9))
def test_every_job_runs_once_and_no_repeat_before_another_has_ended(
    blocks: list[Block], seed: int | None
) -> None:
    order = running_order(blocks, seed)
    assert sorted(order) == list(range(len(blocks)))
    assert [blocks[n][0] for n in order] == sorted(repeat for repeat, _ in blocks)
    assert order == running_order(blocks, seed)


@given(BLOCKS, st.integers(0, 9))
def test_what_is_asked_the_same_stands_together(blocks: list[Block], seed: int) -> None:
    order = [blocks[number] for number in running_order(blocks, seed)]
    starts = [at for at, block in enumerate(order) if at == 0 or order[at - 1] != block]
    assert len(starts) == len(set(order))


def test_each_engine_has_each_place_as_often() -> None:
    """A thousand blocks of five: each engine comes first in about 200 of them."""
    engines, traces = 5, 10
    blocks = sweep(100, traces, engines)
    order = running_order(blocks, 0)
    first = Counter(order[at] // traces % engines for at in range(0, len(order), engines))
    assert all(150 < count < 250 for count in first.values())
    assert order != running_order(blocks, 1)


def test_a_sweep_with_more_repeats_begins_as_it_did() -> None:
    assert running_order(sweep(3, 4, 5), 0)[:40] == running_order(sweep(2, 4, 5), 0)
