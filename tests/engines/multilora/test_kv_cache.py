from dataclasses import replace

import pytest

from pipeline.engines.multilora import kv_cache
from pipeline.engines.multilora.kv_cache import bytes_per_token, pool_tokens
from pipeline.kernels.formats import NUMBER_FORMATS
from pipeline.kernels.kv_pool import KvPool
from pipeline.machine.memory import AvailableMemory


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
