"""Told to stop, a command says so in one line and ends by the same signal."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from time import sleep

import pytest

from pipeline.process import child, signals
from pipeline.process.child import Child
from pipeline.process.signals import SIGNALS, Stopped, command, stoppable
from tests.process.deaf import deaf
from tests.waiting import until


class Left(BaseException):
    """In place of this process's end."""


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals by which commands have ended."""
    numbers: list[int] = []

    def leave(stopped: Stopped) -> None:
        numbers.append(stopped.number)
        raise Left

    monkeypatch.setattr(signals, "leave", leave)
    return numbers


@pytest.mark.parametrize("number", SIGNALS)
def test_one_line(number: int, left: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        try:
            os.kill(os.getpid(), number)
        except Stopped as stopped:
            stopped.add_note("to go on, do this")
            raise
        return 0

    with pytest.raises(Left):
        command(main)
    assert left == [number]
    name = signal.Signals(number).name
    assert capsys.readouterr().err == f"stopped by {name}; to go on, do this\n"


@pytest.mark.parametrize("code", [0, 2])
def test_a_command_leaves_with_its_exit_code(code: int) -> None:
    with pytest.raises(SystemExit) as left:
        command(lambda: code)
    assert left.value.code == code


def test_a_path_that_may_not_be_looked_into_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def reads() -> int:
        raise PermissionError(13, "Permission denied", "/shut/runs")

    with pytest.raises(SystemExit) as left:
        command(reads)
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said == "/shut/runs: Permission denied; let this user reach it, or name another place\n"


def test_what_was_to_be_ignored_stays_so() -> None:
    """As `nohup` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_afterwards_everything_is_as_it_was() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(Stopped), stoppable():
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(each) for each in SIGNALS] == before
    assert signal.alarm(0) == 0, "the clock no longer runs"


def test_the_first_signal_starts_the_clock() -> None:
    with stoppable():
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        assert 0 < signal.alarm(0) <= signals.LAST_S


class Cleared:
    """Its clearing away is where the signal comes."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_one_that_comes_where_nothing_can_be_raised_is_sent_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(Stopped, match="SIGTERM"), stoppable():
        Cleared()
        sleep(60)
    assert capsys.readouterr().err == ""


def test_a_second_one_doesn_t_wait_for_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first one the child is told to stop, and has longer than anybody waits."""
    monkeypatch.setattr(child, "GRACE_S", 10**6)
    monkeypatch.setattr(signals, "LAST_S", 10**6)
    with pytest.raises(Stopped), stoppable(), Child(deaf, tmp_path / "deaf") as made:
        until((tmp_path / "deaf").exists)
        terminate = made._process.terminate

        def told() -> None:
            terminate()
            Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()

        monkeypatch.setattr(made._process, "terminate", told)
        os.kill(os.getpid(), signal.SIGINT)
    assert made._process.returncode == -signal.SIGKILL


def test_the_terminal_may_be_gone(monkeypatch: pytest.MonkeyPatch, left: list[int]) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("builtins.print", gone)
    main: Callable[[], int] = lambda: os.kill(os.getpid(), signal.SIGHUP) or 0  # noqa: E731
    with pytest.raises(Left):
        command(main)
    assert left == [signal.SIGHUP]
