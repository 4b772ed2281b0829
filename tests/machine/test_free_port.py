"""A port that nobody gets by chance before a server listens at it."""

import socket
from pathlib import Path

import pytest

from pipeline.machine import free_port as module
from pipeline.machine.free_port import WIDTH, free_port


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """As Linux says which ports it gives away."""
    path = tmp_path / "ip_local_port_range"
    path.write_text("40000\t60999\n")
    return path


def test_it_is_below_those_that_the_system_gives_away_and_can_be_had(given: Path) -> None:
    port = free_port(given=given)
    assert 40_000 - WIDTH <= port < 40_000
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))


def test_one_that_somebody_has_is_passed_over(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port(given=given)))
        taken, free = other.getsockname()[1], free_port(given=given)
        drawn = iter((taken, taken, free))
        monkeypatch.setattr(module.SystemRandom, "randrange", lambda *_: next(drawn))
        assert free_port(given=given) == free
    assert next(drawn, None) is None


@pytest.mark.parametrize("said", [None, "1024 65535\n", ""])
def test_where_all_are_given_away_it_is_any(said: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ip_local_port_range"
    if said is not None:
        path.write_text(said)
    assert 0 < free_port(given=path) < 65_536
