"""A profiler that can't look says why, and how to change that."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.inference.stage_clock import StageClock
from pipeline.kernels import peaks
from pipeline.kernels.native_pool import NativePool
from pipeline.metrics.roofline import Costs, Passes, Peaks, Step
from pipeline.profilers import machine_peaks as peaks_module
from pipeline.profilers import roofline as roofline_module
from pipeline.profilers.machine_peaks import machine_peaks
from pipeline.profilers.memray_heap import MemrayHeap
from pipeline.profilers.perf_stat import PerfStat
from pipeline.profilers.profiler import Subject, ToolUnavailable
from pipeline.profilers.programs import find
from pipeline.profilers.py_spy_stacks import PySpyStacks
from pipeline.profilers.roofline import RooflineTool

COSTS = Costs(
    projections=900,
    head=100,
    weight_bytes=4_000,
    weight_bits=32,
    kv_bytes=16,
    attention_operations=8,
    windows={None: 1},
    adapters={},
    adapter_bytes=4,
)
DECODING = Passes("decode", (Step((range(10, 11),), (None,)),), 1.0, COSTS)


@pytest.fixture
def subject(tmp_path):
    replays = []
    return Subject(
        replay=lambda: replays.append(1),
        stages=StageClock(),
        folder=tmp_path,
        cache=tmp_path / "cache",
        cpu="Some CPU (tm) 9000",
        threads=1,
        passes=(DECODING,),
    )


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a shell script of that name in front of every other program."""

    def put(name: str, script: str) -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(sys, "executable", str(path.parent / "python"))
        return path

    return put


def why(tool, subject) -> str:
    with pytest.raises(ToolUnavailable) as refusal:
        tool.profile(subject)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        (PySpyStacks(name="py_spy"), "python -m pip install py-spy"),
        (PerfStat(name="perf"), "apt-get install linux-perf"),
    ],
)
def test_a_missing_program(tool, command, subject, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command in why(tool, subject)


def test_a_missing_library(subject, monkeypatch):
    monkeypatch.setitem(sys.modules, "memray", None)
    assert "python -m pip install memray" in why(MemrayHeap(name="memray"), subject)


def test_the_environment_of_this_python_comes_first(program):
    path = program("py-spy", "exit 0")
    assert find("py-spy", "") == str(path)


def test_a_system_that_forbids_to_look(subject, program):
    program("py-spy", "echo 'Permission Denied: Try running again' >&2; exit 1")
    assert "--cap-add=SYS_PTRACE" in why(PySpyStacks(name="py_spy"), subject)


def test_a_py_spy_that_never_begins(subject, program):
    program("py-spy", "echo 'Error: no such process' >&2; exit 1")
    assert "no such process" in why(PySpyStacks(name="py_spy"), subject)


def test_a_py_spy_that_fails_at_the_end_is_a_fault(subject, program):
    script = (
        "trap 'echo disk full; exit 1' INT; echo 'Sampling process'; while :; do sleep 0.02; done"
    )
    program("py-spy", script)
    with pytest.raises(RuntimeError, match="disk full"):
        PySpyStacks(name="py_spy", seconds=0.01).profile(subject)


def test_no_program_outlives_a_replay_that_fails(subject, program, tmp_path):
    program("py-spy", f"echo $$ > {tmp_path}/pid; echo 'Sampling process'; exec sleep 60")

    def broken():
        raise ValueError("the replay broke")

    failing = Subject(broken, StageClock(), tmp_path, tmp_path, "x", 1)
    with pytest.raises(ValueError, match="the replay broke"):
        PySpyStacks(name="py_spy").profile(failing)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_perf_that_may_not_look(subject, program):
    program("perf", "echo 'Access to performance monitoring is limited' >&2; exit 255")
    assert "monitoring is limited" in why(PerfStat(name="perf"), subject)


PERF = f"""exec {shlex.quote(sys.executable)} -c '
import os, signal, sys
control, answer = next(a[13:].split(",") for a in sys.argv if a.startswith("--control=fd:"))
out = sys.argv[sys.argv.index("-o") + 1]
heard = []
def done(*_):
    assert heard == [b"enable", b"disable"], heard
    open(out, "w").write(os.environ["LINES_"])
    sys.exit(0)
signal.signal(signal.SIGINT, done)
while word := os.read(int(control), 64):
    heard.append(word.strip())
    os.write(int(answer), b"ack")
' "$@"
"""


def test_counters_are_read_between_enable_and_disable(subject, program, monkeypatch):
    monkeypatch.setenv("LINES_", "2000,,cycles:u,1,100.00,,\n3000,,instructions:u,1,100.00,,\n")
    program("perf", PERF)
    found = PerfStat(name="perf").profile(subject)
    assert found.figures["perf/ipc"] == 1.5
    assert list(found.artifacts) == ["perf_counters.csv"]


def test_a_kernel_without_counters(subject, program, monkeypatch):
    monkeypatch.setenv("LINES_", "1.0,msec,task-clock,1,,,\n<not supported>,,cycles,0,,,\n")
    program("perf", PERF)
    assert "cycles" in why(PerfStat(name="perf"), subject)
    assert not list(subject.folder.glob("*.csv"))


def test_an_engine_without_decode_steps(subject, tmp_path):
    blind = Subject(lambda: None, StageClock(), tmp_path, tmp_path, "x", 1)
    assert "no roofline" in why(RooflineTool(name="roofline"), blind)


@pytest.fixture
def small(monkeypatch):
    """A machine is measured in milliseconds."""
    made = []
    monkeypatch.setattr(peaks_module, "BUFFER_BYTES", 2**22)
    monkeypatch.setattr(peaks, "TRIES", 2)

    def measured(pool):
        made.append(1)
        return MEASURED(pool)

    monkeypatch.setattr(peaks_module, "measured", measured)
    monkeypatch.setattr(peaks_module, "MAX_STEAL", 1.0)
    return made


MEASURED = peaks_module.measured


def test_the_machine_is_measured_once_for_each_number_of_threads(tmp_path, small):
    first = machine_peaks(tmp_path, "Some CPU (tm) 9000", 1)
    assert machine_peaks(tmp_path, "Some CPU (tm) 9000", 1) == first
    assert len(small) == 1
    machine_peaks(tmp_path, "Some CPU (tm) 9000", 2)
    assert len(small) == 2
    names = {path.name for path in (tmp_path / "peaks").iterdir()}
    isa = NativePool(1).library.kernels_instruction_set().decode().replace("_", "-")
    assert names == {f"Some-CPU-tm-9000-{isa}-{threads}.json" for threads in (1, 2)}
    assert first.read_bytes_per_s > 0
    assert set(first.operations_per_s) == {8, 16, 32}
    assert min(first.operations_per_s.values()) > 0


def test_a_busy_machine_is_measured_again_until_it_is_quiet_and_the_best_is_kept(
    tmp_path, monkeypatch
):
    speeds = iter((2.0, 5.0, 3.0))
    products = {f"products_per_s_{bits}_bits": 7.0 for bits in (8, 16, 32)}
    now = lambda pool: {"read_bytes_per_s": next(speeds), **products}  # noqa: E731
    monkeypatch.setattr(peaks_module, "measured", now)
    stolen = iter((True, False))
    monkeypatch.setattr(peaks_module, "_stolen", lambda meter: next(stolen))
    turns = (True, False, False)
    found = [machine_peaks(tmp_path, "x", 1, busy).read_bytes_per_s for busy in turns]
    assert found == [2.0, 5.0, 5.0]
    assert machine_peaks(tmp_path, "x", 1).read_bytes_per_s == 5.0
    assert next(speeds, None) is None


@pytest.mark.parametrize(
    ("peaks", "said"),
    [
        (Peaks(4_160, {32: 1e9}), "bound by memory bandwidth"),
        (Peaks(1e9, {32: 2_080}), "bound by arithmetic"),
        (Peaks(1e9, {32: 1e9}), "bound by overhead or kernels"),
        (Peaks(2_000, {32: 1e9}), "faster than memory bandwidth seemed to allow"),
    ],
)
def test_what_bounds_a_run(peaks, said, subject, monkeypatch):
    monkeypatch.setattr(roofline_module, "machine_peaks", lambda *_, **__: peaks)
    found = RooflineTool(name="roofline").profile(subject)
    assert found.notes[0].startswith(said)


def test_a_child_may_trace_this_process_only_while_it_samples(tmp_path):
    """Yama isn't everywhere; where it is, prctl is asked twice, and told to forget the second."""
    code = (
        "from pipeline.process import prctl\n"
        "from pipeline.profilers import py_spy_stacks as spy\n"
        "calls = []\n"
        "class Library:\n"
        "    def prctl(self, option, who, *_): calls.append((option, who.value))\n"
        "prctl.ctypes.CDLL = lambda name: Library()\n"
        "with spy._traceable(): assert len(calls) == 1\n"
        "assert calls == [(0x59616d61, 2**64 - 1), (0x59616d61, 0)], calls\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
