"""What a process has had of memory, whoever had started it."""

import pytest

from pipeline.machine.peak_memory import peak_rss_bytes
from pipeline.process.child import Child

MIB = 2**20


def test_a_process_doesnt_inherit_the_peak_of_who_started_it():
    held = bytearray(512 * MIB)
    held[::4096] = bytes([1]) * len(held[::4096])
    with Child(peak_rss_bytes) as child:
        own = child.result()
    assert peak_rss_bytes() >= len(held) > 2 * own > 2 * MIB


@pytest.mark.parametrize("content", ["Name:\tpython\n", None])
def test_where_linux_doesnt_tell_it_the_peak_is_getrusages(content, tmp_path):
    if content is not None:
        (tmp_path / "status").write_text(content)
    assert peak_rss_bytes(tmp_path / "status") > MIB


def test_the_systems_line_is_in_kibibytes(tmp_path):
    (tmp_path / "status").write_text("VmPeak:\t  9 kB\nVmHWM:\t   2048 kB\nVmRSS:\t  7 kB\n")
    assert peak_rss_bytes(tmp_path / "status") == 2 * MIB
