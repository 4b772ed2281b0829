from dataclasses import replace

import pytest

from pipeline.engines.multilora import pool_size
from pipeline.engines.multilora.pool_size import bytes_per_token, pool_tokens
from pipeline.engines.multilora.settings import MultiloraSettings
from pipeline.kernels.kv_pool import KvPool
from pipeline.machine.memory import Room


@pytest.fixture
def free(monkeypatch):
    return lambda count: monkeypatch.setattr(pool_size, "memory_room", lambda: Room(count, "it"))


def test_bytes_are_those_of_the_pool(tiny):
    pool = KvPool.for_tokens(160, tiny.config)
    assert pool.blocks * pool.block_bytes == 160 * bytes_per_token(tiny.config)


def test_the_default_holds_the_batch_and_at_least_one_full_sequence(tiny, free):
    free(2**40)
    shape = tiny.config
    assert pool_tokens(MultiloraSettings(name="m", max_batch_size=8), shape) == 8 * 1024
    assert pool_tokens(MultiloraSettings(name="m", max_batch_size=1), shape) == shape.positions
    short = replace(shape, positions=100)
    assert pool_tokens(MultiloraSettings(name="m", max_batch_size=8), short) == 800


def test_the_default_leaves_three_quarters_of_the_memory(tiny, free):
    free(4000 * bytes_per_token(tiny.config))
    assert pool_tokens(MultiloraSettings(name="m", max_batch_size=8), tiny.config) == 1000


def test_what_is_said_is_taken(tiny, free):
    free(0)
    assert pool_tokens(MultiloraSettings(name="m", kv_tokens=77), tiny.config) == 77
