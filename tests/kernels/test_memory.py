import sys
from pathlib import Path

import pytest

from pipeline.kernels.memory import HUGE, huge_bytes, lazy_bytes, room_for


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("size", [0, 1, 4097, HUGE - 1, HUGE, 3 * HUGE + 5])
def test_memory_is_zero_writable_and_begins_at_a_huge_page(size):
    memory = huge_bytes(size)
    assert len(memory) == size
    assert not memory.any()
    memory.fill_(7)
    assert (memory == 7).all()
    assert size == 0 or memory.data_ptr() % HUGE == 0


@pytest.mark.parametrize("size", [0, 1, HUGE - 1, HUGE, HUGE + 5])
def test_what_fills_a_huge_page_begins_at_one(size):
    room = room_for(size).fill_(7)
    assert len(room) == size and (room == 7).all()
    assert size < HUGE or room.data_ptr() % HUGE == 0


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_little_more_is_taken_than_was_asked_for():
    before, size = resident(), HUGE + 4096
    kept = [huge_bytes(size).fill_(1) for _ in range(20)]
    assert resident() - before < 20 * size * 1.1
    del kept


@pytest.mark.skipif(sys.platform != "linux", reason="counts pages as Linux does")
def test_lazy_memory_costs_what_is_written_to():
    before = resident()
    memory = lazy_bytes(40 * HUGE)
    assert resident() - before < HUGE
    memory[: 2 * HUGE] = 1
    assert HUGE < resident() - before < 4 * HUGE
    assert not memory[2 * HUGE :: HUGE].any()
    assert len(lazy_bytes(0)) == 0
