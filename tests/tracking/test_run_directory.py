"""A damaged file is named in one line, whichever it is and whatever is wrong with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import Unreadable, UsageError
from pipeline.files.documents import append_jsonl, read_jsonl
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.sweep_directory import SweepDirectory

READ: dict[str, Callable[[RunDirectory], object]] = {
    "status.json": RunDirectory.status,
    "config.yaml": RunDirectory.config,
    "metrics.json": lambda run: run.json("metrics.json"),
    "requests.jsonl": RunDirectory.requests,
    "iterations.jsonl": RunDirectory.iterations,
    "sweep.json": lambda run: SweepDirectory.read(run.path),
}
DAMAGE = [b"", b"{\n", b"[1]\n", b'"text"\n', b"7\n", b"\xff\xfe{}\n", b"null\n", b"[" * 999]


DAMAGED = [
    pytest.param(name, damage, id=f"{name}-{damage[:9]!r}")
    for name in READ
    for damage in DAMAGE
    if b"\n" in damage or not name.endswith(".jsonl")
]
"""Of lines none without its end: the last one was never finished, and that is no damage."""


@pytest.mark.parametrize(("name", "damage"), DAMAGED)
def test_a_damaged_file_is_named(name: str, damage: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(damage)
    with pytest.raises(Unreadable) as raised:
        READ[name](RunDirectory(tmp_path))
    assert str(tmp_path / name) in str(raised.value)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


@pytest.mark.parametrize("row", ['{"id": "a"}', '{"id": "a", "state": "GONE", "started": "x"}'])
def test_a_status_without_its_fields_is_damaged(row: str, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(row)
    with pytest.raises(Unreadable, match=r"status\.json"):
        RunDirectory(tmp_path).status()


def test_a_newer_format_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"id": "a", "format": 99}')
    with pytest.raises(UsageError, match="newer") as raised:
        RunDirectory(tmp_path).status()
    assert not isinstance(raised.value, Unreadable)


def test_the_line_is_counted(tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_text('{"id": 1}\n{"id": \n')
    with pytest.raises(Unreadable, match="in line 2"):
        RunDirectory(tmp_path).requests()


def test_rows_come_back_whatever_they_say(tmp_path: Path) -> None:
    """Unicode has more ends of lines than JSON Lines: an output may hold any of them."""
    rows = [chr(code) + "x" for code in (*range(0x20), 0x85, 0x2028, 0x2029, 0xFFFF)]
    append_jsonl(tmp_path / "requests.jsonl", rows)
    assert read_jsonl(tmp_path / "requests.jsonl") == rows
