"""A process that answers, dies, is late, is told to stop, and never outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.process import child
from pipeline.process.child import Child, Died
from pipeline.tracking.lock import claimed, is_claimed
from tests.process.deaf import deaf
from tests.waiting import PATIENCE_S, gone, until

ROOT = Path(__file__).parents[2]


def test_it_answers() -> None:
    with Child(os.getpid) as made:
        assert made.result(PATIENCE_S) == made.pid != os.getpid()
    assert gone(made.pid)


def test_what_it_raises_is_raised_here_and_says_where() -> None:
    with pytest.raises(FileNotFoundError) as raised, Child(os.stat, "/nowhere/at/all") as made:
        made.result(PATIENCE_S)
    assert f"In process {made.pid}" in raised.value.__notes__[0]


def test_an_error_that_cant_be_sent_is_told_in_words() -> None:
    class Local(UsageError):
        pass

    assert str(child._sendable(Local("why"))) == "Local: why"


@pytest.mark.parametrize(
    ("code", "number", "said"),
    [("import os; os._exit(3)", 3, "left with code 3"), ("import os; os.abort()", -6, "SIGABRT")],
)
def test_its_death_is_told(code: str, number: int, said: str) -> None:
    with pytest.raises(Died, match=said) as died, Child(exec, code) as made:
        made.result(PATIENCE_S)
    assert died.value.exitcode == number


def test_one_that_is_late_is_ended() -> None:
    with pytest.raises(TimeoutError), Child(time.sleep, 600) as made:
        made.result(0.01)
    assert gone(made.pid)


def test_one_that_doesnt_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE_S", 0.2)
    with pytest.raises(KeyboardInterrupt), Child(deaf, tmp_path / "deaf") as made:
        until((tmp_path / "deaf").exists)
        raise KeyboardInterrupt
    assert gone(made.pid) and made._process.returncode == -signal.SIGKILL


PARENT = """
import sys, time
from pipeline.process.child import Child
made = Child(time.sleep, 600, holding=[int(sys.argv[1])])
print(made.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def family(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that holds a directory together with its child, whose number is given."""
    with claimed(tmp_path) as lock:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(lock)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock],
        )
    assert parent.stdout
    made = int(parent.stdout.readline())
    yield parent, made
    parent.kill()
    parent.communicate()


def test_it_dies_with_its_parent_and_lets_go_of_what_it_held(
    family: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    parent, made = family
    assert is_claimed(tmp_path) and not gone(made)
    parent.kill()
    until(lambda: gone(made) and not is_claimed(tmp_path))


def test_a_terminal_s_signals_are_the_parent_s(
    family: tuple[subprocess.Popen[str], int],
) -> None:
    _, made = family
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(made, number)
    time.sleep(0.2)
    assert not gone(made)
    os.kill(made, signal.SIGTERM)
    until(lambda: gone(made))


WATCHER = """
import sys, time
from multiprocessing.connection import Connection
from pipeline.process.child import watch
watch(Connection(int(sys.argv[1])))
print(flush=True)
time.sleep(600)
"""


def test_where_the_kernel_doesnt_tell_the_connection_does() -> None:
    """As without Linux's prctl."""
    ours, theirs = Pipe()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHER, str(theirs.fileno())],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
        )
    assert process.stdout
    process.stdout.readline()
    assert process.poll() is None
    ours.close()
    assert process.wait(PATIENCE_S) == -signal.SIGKILL
    process.communicate()
