"""Hashes of large files are remembered, and no change of a file goes unseen."""

import hashlib
import os
import shutil

import pytest

from pipeline.models import content_hash
from pipeline.models.content_hash import sha256_of
from tests.waiting import until


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A cache of its own, in which every file is large, and was changed long ago."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(content_hash, "LARGE", 1)
    monkeypatch.setattr(content_hash, "SETTLED_S", -60.0)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"one")
    return path


@pytest.fixture
def hashed(monkeypatch):
    """The files that were read to their ends."""
    found, digest = [], hashlib.file_digest

    def counted(file, name):
        found.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(content_hash.hashlib, "file_digest", counted)
    return found


def right(path):
    return sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_wasnt_touched_is_read_once(file, hashed):
    assert right(file) and right(file)
    assert len(hashed) == 1


def later(file):
    """Once the system's stamps, which are coarse, are other ones than the file's."""
    probe = file.with_name("probe")
    until(lambda: probe.touch() or probe.stat().st_ctime_ns > file.stat().st_ctime_ns)


def in_place(file):
    file.write_bytes(b"two")


def replaced(file):
    other = file.with_name("other")
    other.write_bytes(b"two")
    shutil.copystat(file, other)
    other.replace(file)


def turned_back(file):
    before = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def linked(file):
    other = file.with_name("other")
    other.write_bytes(b"two")
    file.unlink()
    file.symlink_to(other)


@pytest.mark.parametrize("change", [in_place, replaced, turned_back, linked])
def test_every_change_is_seen_whatever_name_size_and_time_it_leaves(change, file):
    assert right(file)
    later(file)
    change(file)
    assert file.stat().st_size == 3 and right(file)


def test_what_changed_a_moment_ago_is_read_again(file, hashed, monkeypatch):
    monkeypatch.setattr(content_hash, "SETTLED_S", 60.0)
    assert right(file) and right(file)
    assert len(hashed) == 2


def test_small_files_leave_no_note(file, hashed, monkeypatch, tmp_path):
    monkeypatch.setattr(content_hash, "LARGE", 4)
    assert right(file) and right(file)
    assert len(hashed) == 2 and not (tmp_path / "home").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"stamps": 1}'])
def test_a_damaged_note_is_no_note(text, file, tmp_path):
    assert right(file)
    (note,) = (tmp_path / "home" / "multilora" / "hashes").iterdir()
    note.write_text(text)
    assert right(file)


def test_without_room_for_notes_files_are_read(file, tmp_path):
    (tmp_path / "home").write_text("not a folder")
    assert right(file) and right(file)
