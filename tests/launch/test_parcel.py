"""What comes back from another machine: whole or not at all."""

import io
import tarfile
from pathlib import Path

import pytest

from pipeline.errors import Unreadable
from pipeline.launch import parcel
from pipeline.launch.parcel import packed, unpack

ODD = "profile/trace \u03b1.json"


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a run left on a node."""
    folder = tmp_path / "on a node"
    (folder / "profile").mkdir(parents=True)
    (folder / "earlier" / "1").mkdir(parents=True)
    for name in (
        "status.json",
        "metrics.json",
        "profile/trace \u03b1.json",
        ".lock",
        "config.yaml",
    ):
        (folder / name).write_text(f"the node's {name}")
    return folder


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """The directory of the job where the sweep is."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("status.json", "config.yaml", ".lock"):
        (folder / name).write_text(f"our {name}")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_the_run_left_comes_back_and_what_is_ours_stays(left: Path, job: Path) -> None:
    unpack(packed(left), job)
    assert files(job) == {
        ".lock": "our .lock",
        "config.yaml": "our config.yaml",
        "metrics.json": "the node's metrics.json",
        ODD: f"the node's {ODD}",
        "status.json": "the node's status.json",
    }


def test_again_after_an_unpacking_that_was_cut_off(left: Path, job: Path) -> None:
    (job / "profile").mkdir()
    (job / "profile" / "half.json").write_text("half of a")
    unpack(packed(left), job)
    assert "profile/half.json" not in files(job)


def test_when_the_status_is_there_nothing_of_the_unpacking_is(
    left: Path, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is killed then leaves a run that has finished, which nobody tidies up."""
    there: list[set[str]] = []
    write = parcel.write_text

    def written(path: Path, text: str) -> None:
        there.append({each.name for each in job.iterdir()})
        write(path, text)

    monkeypatch.setattr(parcel, "write_text", written)
    unpack(packed(left), job)
    assert there == [{".lock", "config.yaml", "metrics.json", "profile", "status.json"}]


def test_a_status_that_is_no_text_is_damage(left: Path, job: Path) -> None:
    (left / "status.json").write_bytes(b"\xff")
    before = files(job)
    with pytest.raises(Unreadable):
        unpack(packed(left), job)
    assert files(job) == before


@pytest.mark.parametrize("size", [0, 10, -20])
def test_of_a_torn_parcel_nothing_is_taken(size: int, left: Path, job: Path) -> None:
    before = files(job)
    with pytest.raises(Unreadable, match="damaged"):
        unpack(packed(left)[:size], job)
    assert files(job) == before


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "config.yaml", "notes.txt"])
def test_what_no_run_leaves_is_refused(name: str, job: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for each in (name, "status.json") if name != "notes.txt" else (name,):
            member = tarfile.TarInfo(each)
            tar.addfile(member, io.BytesIO())
    before = files(tmp_path)
    if name == "/tmp/outside":  # The leading slash is taken off: it lands inside, and not outside.
        unpack(buffer.getvalue(), job)
        assert (job / "tmp" / "outside").is_file()
        return
    with pytest.raises(Unreadable):
        unpack(buffer.getvalue(), job)
    assert files(tmp_path) == before
