"""A command of others, and that it ends with us whatever it or we do."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from pipeline.machine.process_tree import tree_usage
from pipeline.process.guarded import CannotStart, GuardedCommand
from tests.waiting import gone, until

UP = "print('up', flush=True); import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(15, signal.SIG_IGN); {UP}"
FAMILY = (
    "import subprocess, sys; child = [sys.executable, '-c', 'import time; time.sleep(600)']; "
    f"subprocess.Popen(child, start_new_session=True); {UP}"
)


def python(code):
    return [sys.executable, "-c", code]


def written(path):
    return path.read_text() if path.exists() else ""


def test_what_it_writes_and_how_it_ends(tmp_path):
    code = "import os, sys; print(os.environ['WORD']); print('oh', file=sys.stderr); sys.exit(3)"
    with GuardedCommand(python(code), tmp_path / "out", {"WORD": "a b"}) as made:
        until(lambda: made.poll() is not None)
        assert made.poll() == 3
    assert sorted(written(tmp_path / "out").split("\n")) == ["", "a b", "oh"]


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(CannotStart, match="No such file"):
        GuardedCommand([str(tmp_path / "none")], tmp_path / "out")


@pytest.mark.parametrize("code", [STUBBORN, FAMILY])
def test_all_that_came_of_it_ends_with_the_block(code, tmp_path):
    with GuardedCommand(python(code), tmp_path / "out", grace_s=0.2) as made:
        until(lambda: "up" in written(tmp_path / "out"))
        family = psutil.Process(made.guard).children(recursive=True)
        assert len(family) == (2 if code == FAMILY else 1)
        assert tree_usage(made.guard).processes == len(family)
        assert tree_usage(made.guard).rss_bytes > 1_000_000
    assert all(gone(each.pid) for each in family)


def test_it_ends_with_a_parent_that_is_killed(tmp_path):
    code = (
        f"import sys, time; sys.path[:] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from pipeline.process.guarded import GuardedCommand\n"
        f"command = [sys.executable, '-c', {FAMILY!r}]\n"
        f"made = GuardedCommand(command, Path({str(tmp_path / 'out')!r}))\n"
        "print(made.guard, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(python(code), stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    guard = psutil.Process(int(parent.stdout.readline()))
    until(lambda: "up" in written(tmp_path / "out"))
    family = [guard, *guard.children(recursive=True)]
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until(lambda: all(gone(each.pid) for each in family))


def test_processor_time_of_children_that_ended_counts(tmp_path):
    burn = "for i in range(20_000_000): pass"
    child = f"subprocess.run([sys.executable, '-c', {burn!r}])"
    command = python(f"import subprocess, sys; {child}; {UP}")
    with GuardedCommand(command, tmp_path / "out") as made:
        until(lambda: "up" in written(tmp_path / "out"))
        assert tree_usage(made.guard).cpu_seconds > 0.1
    assert tree_usage(made.guard).processes == 0
