from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.multilora import kv_cache
from pipeline.engines.multilora.kv_cache import BlockAllocator, bytes_per_token, pool_tokens
from pipeline.kernels.formats import NUMBER_FORMATS
from pipeline.kernels.kv_pool import KvPool
from pipeline.machine.memory import AvailableMemory


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


@pytest.fixture
def free(monkeypatch):
    return lambda count: monkeypatch.setattr(
        kv_cache, "available_memory", lambda: AvailableMemory(count, "it")
    )


@pytest.mark.parametrize("dtype", NUMBER_FORMATS)
def test_bytes_are_those_of_the_pool(dtype, tiny):
    pool = KvPool.for_tokens(160, tiny.config, NUMBER_FORMATS[dtype])
    assert pool.data.nbytes == 160 * bytes_per_token(tiny.config, dtype)
    assert pool.blocks * pool.block_bytes == pool.data.nbytes


def test_the_default_holds_the_batch_and_at_least_one_full_sequence(tiny, free):
    free(2**40)
    shape = tiny.config
    assert pool_tokens(shape, "fp32", 8) == 8 * 1024
    assert pool_tokens(shape, "fp32", 1) == shape.positions
    short = replace(shape, positions=100)
    assert pool_tokens(short, "fp32", 8) == 800


def test_the_default_leaves_three_quarters_of_the_memory(tiny, free):
    free(4000 * bytes_per_token(tiny.config, "fp32"))
    assert pool_tokens(tiny.config, "fp32", 8) == 1000
    assert pool_tokens(tiny.config, "fp16", 8) == 2000


def test_what_is_said_is_taken(tiny, free):
    free(0)
    assert pool_tokens(tiny.config, "int8", 32, 77) == 77
