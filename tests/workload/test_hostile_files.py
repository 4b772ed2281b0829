"""What can lie at a path of a workload: one line each, in bounded time and memory."""

import json
import os
from random import Random

import pytest

from pipeline.errors import UsageError
from pipeline.workload import text_file
from pipeline.workload.arrivals.replay import StampedArrivals
from pipeline.workload.azure_trace import read_calls
from pipeline.workload.column import read_column
from pipeline.workload.lengths.from_file import FromFile
from pipeline.workload.mooncake_trace import read_calls as read_mooncake
from pipeline.workload.prompts.jsonl import Jsonl
from pipeline.workload.prompts.sharegpt import ShareGpt
from pipeline.workload.trace_file import read_trace

READERS = {
    "stamps": lambda path: StampedArrivals(name="r", path=path).slots(Random(0)),
    "lengths": lambda path: FromFile(name="f", path=path).check(),
    "column": lambda path: FromFile(name="f", path=path, column="n").check(),
    "azure": lambda path: read_calls("workload.path", path, None),
    "mooncake": lambda path: read_mooncake("workload.path", path, None),
    "jsonl": lambda path: Jsonl(name="j", path=path, field="prompt").check(),
    "sharegpt": lambda path: ShareGpt(name="s", path=path).check(),
    "trace": lambda path: read_trace(path, "all"),
}
DEEP = b"[" * 100_000
CONTENTS = {
    "empty": b"",
    "deep JSON": DEEP,
    "deep object": b'{"a":' * 100_000,
    "deep prompt": b'{"prompt": ' + DEEP + b"}\n",
    "a huge word": b"x" * 300_000,
    "a huge number": b"9" * 300_000,
    "NUL": b"\0" * 1000,
    "UTF-16": "0\n1\n".encode("utf-16"),
    "Latin-1": b"caf\xe9\n",
    "newlines": b"\n" * 100_000,
    "carriage returns": b"\r" * 1000,
    "an endless quote": b'n,"' + b"x" * 300_000,
    "a huge header": b"a," * 100_000 + b"b\n1\n",
}


@pytest.fixture(params=READERS)
def read(request):
    return READERS[request.param]


def refusal(read, path):
    with pytest.raises(UsageError) as refused:
        read(path)
    said = str(refused.value)
    assert "\n" not in said and len(said) < 1000
    return said


@pytest.mark.parametrize("name", CONTENTS)
def test_whatever_the_file_holds(name, read, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENTS[name])
    refusal(read, path)


def test_whatever_stands_in_the_files_place(read, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    names = (pipe, tmp_path, "/dev/zero", tmp_path / "absent", tmp_path / ("x" * 300))
    for path in names:
        refusal(read, type(tmp_path)(path))
    refusal(read, type(tmp_path)("a\0b"))


def test_a_file_without_end_is_not_read_to_its_end(read, tmp_path, monkeypatch):
    with (tmp_path / "file").open("wb") as file:
        file.truncate(1 << 42)
    for module in ("text_file", "trace_file"):
        monkeypatch.setattr(f"pipeline.workload.{module}.MOST", 1 << 16)
    assert "MiB" in refusal(read, tmp_path / "file")


def test_a_name_that_isnt_utf8_is_a_name(read, tmp_path):
    path = type(tmp_path)(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    path.write_bytes(b"{")
    refusal(read, path).encode("utf-8", "surrogateescape")


def test_a_mark_at_the_beginning_and_line_ends_of_windows_are_passed_over(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"prompt": "one"}\r\n{"prompt": "two"}\r\n')
    assert [each.text for each in Jsonl(name="j", path=path, field="prompt").read()] == [
        "one",
        "two",
    ]
    path.write_bytes(b"\xef\xbb\xbfn\r\n3\r\n")
    assert [cell.text for cell in read_column("key", path, "n")] == ["3"]


def test_no_more_rows_are_read_than_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(text_file, "ROWS", 3)
    path = tmp_path / "file"
    path.write_text("1\n2\n3\nnonsense\n5\n")
    assert len(read_column("key", path, None, 3)) == 3
    assert "has more than 3 rows" in refusal(lambda path: read_column("key", path, None), path)
    path.write_text("".join(json.dumps({"prompt": "x"}) + "\n" for _ in range(4)))
    assert "has more than 3 rows" in refusal(READERS["jsonl"], path)
