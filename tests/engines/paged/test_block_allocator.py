import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.paged.block_allocator import BlockAllocator


@given(
    blocks=st.integers(0, 40),
    size=st.integers(1, 33),
    asks=st.lists(st.tuples(st.integers(0, 200), st.booleans()), max_size=30),
)
def test_blocks_are_never_given_twice_and_never_lost(blocks, size, asks):
    pool = BlockAllocator(blocks, size)
    held = []
    for tokens, release in asks:
        if release and held:
            pool.release(held.pop(0))
        if pool.can_allocate(tokens):
            held.append(pool.allocate(tokens))
            assert len(held[-1]) * size >= tokens > (len(held[-1]) - 1) * size
        else:
            with pytest.raises(ValueError, match="free"):
                pool.allocate(tokens)
        given_out = [block for each in held for block in each]
        assert len(given_out) == len(set(given_out)) == blocks - pool.free
        assert all(0 <= block < blocks for block in given_out)


def test_capacity_counts_positions():
    assert BlockAllocator(3, 16).capacity == 48


def test_the_most_that_was_held_is_remembered():
    pool = BlockAllocator(5, 16)
    pool.release(pool.allocate(40))
    held = pool.allocate(17)
    assert (pool.peak_blocks, len(held)) == (3, 2)


def test_blocks_given_back_go_out_first_so_that_untouched_ones_cost_no_memory():
    pool = BlockAllocator(100, 16)
    seen = set()
    for _ in range(20):
        held = [pool.allocate(30), pool.allocate(16)]
        seen |= {block for each in held for block in each}
        for each in held:
            pool.release(each)
    assert len(seen) == pool.peak_blocks == 3
