"""What perf prints, in the forms it has been seen to take."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.profilers.perf_counters import LINE_BYTES, parse, rates

VIRTUAL = """# started on Tue Nov 24 03:56:23 2026

0.45,msec,task-clock,446106,100.00,0.277,CPUs utilized
<not supported>,,cycles,0,100.00,,
<not supported>,,instructions,0,100.00,,
<not supported>,,cache-misses,0,100.00,,
"""
BARE = """# started on Mon Jan  1 00:00:00 2024

2005.81,msec,task-clock:u,2005810000,100.00,1.993,CPUs utilized
6012345678,,cycles:u,2005810000,83.20,2.997,GHz
9018518517,,instructions:u,2005810000,83.31,1.50,insn per cycle
31234567,,cache-references:u,2005810000,83.31,15.572,M/sec
1234567,,cache-misses:u,2005810000,83.30,3.953,of all cache refs
"""
HYBRID = """1000,,cpu_core/cycles/,100,50.00,,
200,,cpu_atom/cycles/,100,50.00,,
3000,,cpu_core/instructions/u,100,50.00,,
<not counted>,,cpu_atom/instructions/u,0,0.00,,
"""


def test_a_virtual_machine():
    found = parse(VIRTUAL)
    assert found == {"task-clock": 0.45, "cycles": None, "instructions": None, "cache-misses": None}
    assert rates(found, 1.0) == {}


def test_a_machine():
    found = rates(parse(BARE), seconds=2.0)
    assert found["ipc"] == pytest.approx(1.5)
    assert found["cache_references"] == 31234567
    assert found["miss_bytes_per_s"] == 1234567 * 64 / 2


def test_two_kinds_of_cores_are_added_up():
    assert parse(HYBRID) == {"cycles": 1200.0, "instructions": 3000.0}


def test_a_kind_of_core_that_slept_comes_first():
    reversed_ = "\n".join(reversed(HYBRID.splitlines()))
    assert parse(reversed_) == {"cycles": 1200.0, "instructions": 3000.0}


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "perf: command not found", "nan,,cycles", "-1,,cycles"]
)
def test_what_is_no_count_is_none(text):
    assert all(value is None for value in parse(text).values())
    assert rates(parse(text), 1.0) == {}


counts = st.none() | st.integers(0, 10**15)


@given(
    st.dictionaries(st.sampled_from(("cycles", "instructions", "cache-misses")), counts),
    st.sampled_from(("", ":u", ":k")),
)
def test_every_count_comes_back(counted, modifier):
    lines = [
        f"{'<not supported>' if value is None else value},,{event}{modifier},1000,100.00,,"
        for event, value in counted.items()
    ]
    assert parse("\n".join(lines)) == counted


@given(st.text())
def test_no_text_breaks_it(text):
    for value in parse(text).values():
        assert value is None or (math.isfinite(value) and value >= 0)


@given(st.integers(1, 10**12), st.integers(1, 10**12), st.integers(0, 10**12))
def test_rates(cycles, instructions, misses):
    counted = {"cycles": cycles, "instructions": instructions, "cache-misses": misses}
    found = rates({name: float(value) for name, value in counted.items()}, seconds=4.0)
    assert found["ipc"] * cycles == pytest.approx(instructions)
    assert found["miss_bytes_per_s"] == misses * LINE_BYTES / 4
