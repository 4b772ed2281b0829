"""Files that change under a run are named."""

import pytest

from pipeline.stages.unchanged import changed, stamps


@pytest.fixture
def folder(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).write_text("as it was")
    (tmp_path / "deeper").mkdir()
    return tmp_path


def replaced(path):
    path.with_name("draft").write_text("as it was")
    path.with_name("draft").replace(path)


@pytest.mark.parametrize(
    "change",
    [lambda path: path.unlink(), lambda path: path.write_text("otherwise than before"), replaced],
    ids=["deleted", "written", "replaced"],
)
def test_a_file_that_changes_makes_the_run_invalid(change, folder):
    before = stamps([folder])
    assert changed(before) == ()
    change(folder / "one")
    (line,) = changed(before)
    assert line == f"{folder / 'one'} was changed or deleted while the run went on"
