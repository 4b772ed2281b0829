"""A path that leads to anything but a regular file is refused at once, and says what it is."""

import os
import socket
from pathlib import Path

import pytest

from pipeline.files.regular import check_regular, open_regular, read_regular


def pipe(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(path))


def loop(path):
    path.symlink_to(path)


CASES = {
    "a pipe": pipe,
    "a socket": listening,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder": Path.mkdir,
    "symbolic links": loop,
    "No such file": lambda path: None,
}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("read", [check_regular, open_regular, lambda path: read_regular(path, 9)])
def test_what_it_is_is_said(tmp_path, monkeypatch, kind, read):
    monkeypatch.chdir(tmp_path)  # A socket's path may be no longer than 108 bytes.
    path = Path("it")
    CASES[kind](path)
    with pytest.raises(OSError) as error:
        read(path)
    assert kind in error.value.strerror


def test_a_file_is_read_up_to_its_kinds_size(tmp_path):
    path = tmp_path / "it"
    path.write_bytes(b"123456789")
    assert check_regular(path) == 9
    assert read_regular(path, 9) == b"123456789"
    with pytest.raises(OSError, match="more than the"):
        read_regular(path, 8)


def test_a_link_to_a_file_is_a_file(tmp_path):
    (tmp_path / "it").write_bytes(b"x")
    (tmp_path / "link").symlink_to("it")
    assert read_regular(tmp_path / "link", 1) == b"x"
