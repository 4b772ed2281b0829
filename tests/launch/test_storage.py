"""What can't be written is one line that says what is kept, and what to do."""

import errno
from pathlib import Path

import pytest

from pipeline.files.documents import append_jsonl
from pipeline.launch.execution import failure
from pipeline.launch.storage import remedy, settle_caches


def raised(write):
    with pytest.raises(OSError) as found:
        write()
    return found.value


def test_a_full_disk(tmp_path):
    """/dev/full answers as a full disk does."""
    error = raised(lambda: append_jsonl(Path("/dev/full"), [{"id": 0}]))
    line = remedy(error, tmp_path)
    assert line.startswith(f"{tmp_path}: No space left on device; what was measured is kept")
    assert "\n" not in line and "the same command again" in line


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_directory_that_cant_be_written_is_named(number):
    line = remedy(OSError(number, "…", "/runs/a/status.json"))
    assert line.startswith("/runs/a/status.json: ") and "paths.runs=" in line


def test_libraries_that_have_it_in_their_words_alone():
    try:
        raise RuntimeError("I/O error: No space left on device (os error 28)")
    except RuntimeError as error:
        outcome = failure(error, None)
    assert outcome.cause.startswith("No space left on device; what was measured is kept")


def test_other_errors_are_others():
    assert remedy(FileNotFoundError(errno.ENOENT, "…", "x")) is None
    assert remedy(ValueError("x")) is None


def test_caches_go_elsewhere_where_home_cant_be_written(tmp_path, monkeypatch):
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "as before afterwards")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/dev/null")
    settle_caches(tmp_path)
    from pipeline.kernels import library

    assert library.os.environ["XDG_CACHE_HOME"] == str(tmp_path / "home")
    assert library.os.environ["MPLCONFIGDIR"] == str(tmp_path / "home" / "matplotlib")


def test_a_home_that_can_be_written_keeps_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    settle_caches(tmp_path / "cache")
    assert str(tmp_path / "own") == __import__("os").environ["XDG_CACHE_HOME"]
