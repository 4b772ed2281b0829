"""What bounds a process's memory, and who says so."""

import resource

import pytest

from pipeline.machine import memory
from pipeline.machine.memory import available_memory


@pytest.fixture
def around(monkeypatch):
    """Sets what the machine has free, and the control group's limit."""

    def set_(free, group=None, soft=resource.RLIM_INFINITY):
        monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: _Free(available=free))
        monkeypatch.setattr(memory.psutil, "swap_memory", lambda: _Free(free=5))
        monkeypatch.setattr(memory, "limits", lambda: {"memory_bytes": group})
        monkeypatch.setattr(memory.resource, "getrlimit", lambda _: (soft, soft))

    return set_


class _Free:
    def __init__(self, **values):
        self.__dict__ |= values


@pytest.mark.parametrize(
    ("given", "limit", "room", "whose"),
    [
        ((10**9,), None, 10**9 + 5, "free on this machine"),
        ((10**9, 10**8), None, 10**8, "the control group's limit"),
        ((10**9, 10**8, 10**7), None, 10**7, "ulimit -d"),
        ((10**9, 10**8), 0.001, 10**6, "limits.memory_gb=0.001"),
    ],
)
def test_the_tightest_bound_counts_and_is_named(given, limit, room, whose, around):
    around(*given)
    found = available_memory(limit)
    assert (found.bytes, found.whose) == (room, whose)
    assert whose in str(found)
