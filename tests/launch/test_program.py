"""The program is known by the names and contents of its files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.launch import program
from pipeline.launch.program import check_same, code_hash, package_hasher


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(program, "PACKAGE", tmp_path)
    (tmp_path / "a.py").write_text("1")
    yield tmp_path
    code_hash.cache_clear()


def hashed() -> str:
    code_hash.cache_clear()
    return code_hash()


def test_it_is_known_by_names_and_contents(package: Path) -> None:
    first = hashed()
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "a.pyc").write_text("made")
    assert hashed() == first
    (package / "a.py").write_text("2")
    second = hashed()
    (package / "a.py").rename(package / "b.py")
    assert len({first, second, hashed()}) == 3


def test_a_folder_above_it_may_be_called_as_one_that_is_left_out(tmp_path: Path) -> None:
    above = tmp_path / "conf" / "pipeline"
    above.mkdir(parents=True)
    (above / "a.py").write_text("1")
    first = package_hasher()(above)
    (above / "a.py").write_text("2")
    assert package_hasher()(above) != first


def test_another_one_is_refused_with_both_hashes(package: Path) -> None:
    mine = hashed()
    check_same(mine)
    with pytest.raises(UsageError, match=rf"{mine[:12]}, not 000000000000\): bring both"):
        check_same("0" * 64)
