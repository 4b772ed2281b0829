"""Files are written whole or not at all."""

import multiprocessing
import os

import pytest

from pipeline.files.atomic import whole_file, whole_folder


def test_it_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "file"
    with whole_file(path) as draft:
        draft.write_text("half")
        assert not path.exists()
        draft.write_text("whole")
    assert path.read_text() == "whole"
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(error, tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(error), whole_file(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "before"
    assert [*tmp_path.iterdir()] == [path]


def _write(path, text, meeting):
    with whole_file(path) as draft:
        draft.write_text(text)
        meeting.wait()
        assert draft.read_text() == text
        meeting.wait()


def test_two_processes_may_write_the_same_file(tmp_path):
    context, path = multiprocessing.get_context("spawn"), tmp_path / "file"
    meeting = context.Barrier(2, timeout=600)
    texts = ("one" * 1000, "two" * 1000)
    both = [context.Process(target=_write, args=(path, text, meeting)) for text in texts]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert path.read_text() in texts
    assert [*tmp_path.iterdir()] == [path]


def test_of_a_folder_the_first_one_wins(tmp_path):
    path = tmp_path / "it"
    with whole_folder(path) as late:
        (late / "file").write_text("late")
        with whole_folder(path) as early:
            (early / "file").write_text("early")
    assert (path / "file").read_text() == "early"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("lent", [whole_file, whole_folder])
def test_what_was_left_a_day_ago_goes_and_what_is_being_written_stays(lent, tmp_path):
    old, new, others = (tmp_path / name for name in (".it[1].old", ".it[1].new", ".other.old"))
    for each in (old, new, others):
        each.mkdir()
        (each / "file").write_text("")
    for each in (old, others):
        os.utime(each, (0, 0))
    with lent(tmp_path / "it[1]") as draft:
        draft.touch() if lent is whole_file else (draft / "file").touch()
    assert not old.exists() and new.exists() and others.exists()
