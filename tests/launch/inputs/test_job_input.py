"""An input is what its files are called and hold, and nothing else of them."""

import os
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.launch.inputs.job_input import JobInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a model"
    (made / "checkpoint-5").mkdir(parents=True)
    (made / "weights").write_bytes(b"123")
    (made / "config").write_bytes(b"{}")
    (made / "checkpoint-5" / "optimizer").write_bytes(b"of no use")
    (made / ".cache").write_bytes(b"hidden")
    return made


def of(place: Path) -> JobInput:
    return JobInput.of("model.path", place, [place])


def test_a_folder_is_its_own_files_but_for_hidden_ones(folder: Path) -> None:
    found = of(folder)
    assert {*found.files} == {"a model/weights", "a model/config"}
    assert (found.name, found.place) == ("a model", str(folder))
    assert {path.read_bytes() for path in found.sources().values()} == {b"123", b"{}"}


def test_the_hash_is_of_names_and_contents(folder: Path, tmp_path: Path) -> None:
    first = of(folder).sha256
    os.utime(folder / "weights", (1, 1))
    assert of(folder).sha256 == first
    (folder / "weights").write_bytes(b"124")
    second = of(folder).sha256
    folder.rename(tmp_path / "another")
    assert len({first, second, of(tmp_path / "another").sha256}) == 3


def test_links_are_followed_and_a_relative_path_is_where_it_leads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    found = of(Path("link"))
    assert found.place == f"{tmp_path}/link"
    assert {*found.files} == {"link/weights", "link/config"}


def test_what_is_no_file_does_not_count_and_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert "a model/pipe" not in of(folder).files
    assert of(folder / "pipe").files == {}


def test_it_lies_where_the_same_files_are(folder: Path, tmp_path: Path) -> None:
    found = of(folder)
    assert found.lies_at(folder)
    (folder / "more").write_text("which nobody asked for")
    assert found.lies_at(folder)
    (folder / "config").unlink()
    assert not found.lies_at(folder)
    assert not found.lies_at(tmp_path / "nowhere" / "a model")


def test_what_lies_elsewhere_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "stray").write_text("")
    with pytest.raises(UsageError, match=r"model\.path=.*stray"):
        JobInput.of("model.path", folder / "weights", [tmp_path / "stray"])
