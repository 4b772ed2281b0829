"""Contents that were brought: each once, whole or not at all, looked at before they are used."""

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.launch.inputs.arrival import PIECE, pieces, receive
from pipeline.launch.inputs.job_input import JobInput
from pipeline.launch.inputs.store import InputStore

NAMES = st.text(st.characters(blacklist_characters="/\0", codec="utf-8"), min_size=1, max_size=12)


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> InputStore:
    return InputStore(tmp_path / "a store")


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_arrives_is_there(store: InputStore) -> None:
    sha256 = sha256_of(b"12345")
    assert not store.has(sha256)
    receive(sha256, [b"12", b"", b"345"], store)
    assert store.has(sha256)


@pytest.mark.parametrize("arriving", [[], [b"12", b"34"], [b"123456"]])
def test_of_what_is_something_else_nothing_is_left(
    arriving: list[bytes], store: InputStore
) -> None:
    with pytest.raises(UsageError, match="changed while it was sent"):
        receive(sha256_of(b"12345"), arriving, store)
    assert everything(store.folder) == []


def test_of_what_is_cut_off_nothing_is_left(store: InputStore) -> None:
    def cut_off():
        yield b"12"
        raise ConnectionError("the sender is gone")

    with pytest.raises(ConnectionError):
        receive(sha256_of(b"12345"), cut_off(), store)
    assert everything(store.folder) == []


@given(
    files=st.dictionaries(
        NAMES.filter(lambda name: name.strip(".") and not name.startswith(".")),
        st.binary(max_size=8),
        min_size=1,
        max_size=4,
    )
)
def test_an_input_lies_as_it_was_whatever_it_is_called(files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as name:
        place = Path(name) / "of the sender" / "a model"
        place.mkdir(parents=True)
        for each, content in files.items():
            (place / each).write_bytes(content)
        store, wanted = InputStore(Path(name) / "store"), JobInput.of("model.path", place, [place])
        for sha256, source in wanted.sources().items():
            receive(sha256, pieces(source), store)
        found = store.placed(wanted)
        assert found is not None
        assert {each.name: each.read_bytes() for each in found.iterdir()} == files
        assert wanted.lies_at(found)
        assert store.placed(wanted) == found


def test_two_inputs_share_what_is_the_same(store: InputStore, tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"the same")
        (tmp_path / name / "config").write_text(name)
        wanted = JobInput.of("model.path", tmp_path / name, [tmp_path / name])
        assert store.placed(wanted) is None
        for sha256, source in wanted.sources().items():
            if not store.has(sha256):
                receive(sha256, pieces(source), store)
        placed = store.placed(wanted)
    assert placed is not None
    assert os.stat(placed / "weights").st_nlink == 3
    assert os.stat(placed / "config").st_nlink == 2


def test_a_file_that_is_gone_meanwhile_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone: No such file"):
        list(pieces(tmp_path / "gone"))


def test_a_large_file_goes_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(PIECE + 1))
    assert [len(each) for each in pieces(tmp_path / "large")] == [PIECE, 1]
