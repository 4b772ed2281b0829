"""Headers of GGUF files that promise what no file has are refused at once, and cost no memory."""

import os
import struct
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.gguf.file import GgufFile

START = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
KEY = struct.pack("<Q", 1) + b"a"


def tensor(*shape, kind=0, offset=0, name=b"t"):
    head = struct.pack("<Q", len(name)) + name + struct.pack("<I", len(shape))
    return head + struct.pack(f"<{len(shape)}QIQ", *shape, kind, offset)


def file_of(*tensors, version=3, data=4096):
    return b"GGUF" + struct.pack("<IQQ", version, len(tensors), 0) + b"".join(tensors) + bytes(data)


BROKEN = {
    "not a GGUF file": b"text",
    "within its header": b"GGUF",
    "version 1,": b"GGUF" + struct.pack("<IQQ", 1, 0, 0),
    "version 99,": b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
    "version 50331648,": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "9223372036854775808 entries": b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0),
    "2147483648 entries": b"GGUF" + struct.pack("<IQQ", 3, 0, 2**31) + bytes(4096),
    "ends within": START + struct.pack("<Q", 2**62) + bytes(100),
    "1099511627776 entries": START + KEY + struct.pack("<IIQ", 9, 8, 2**40) + bytes(100),
    "within its": START + KEY + struct.pack("<IIQ", 9, 4, 2**62) + bytes(100),
    "a value of type 9,": START + KEY + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50_000,
    "a value of type 4000,": START + KEY + struct.pack("<IQ", 4000, 0),
    "0 dimensions": file_of(tensor()),
    "5 dimensions": file_of(tensor(1, 1, 1, 1, 1)),
    "of type 77,": file_of(tensor(32, kind=77)),
    "shape [31]": file_of(tensor(31, kind=8)),
    "shape [0, 4]": file_of(tensor(4, 0)),
    "beyond its end": file_of(tensor(2**62, 2**62)),
    "'t' lies beyond": file_of(tensor(32, offset=2**63)),
    "lies beyond": file_of(tensor(32, offset=1)),
    "of one name": file_of(tensor(32), tensor(32)),
}


@pytest.mark.parametrize("said", BROKEN)
def test_a_header_is_held_against_the_files_size(said, tmp_path):
    path = tmp_path / "it.gguf"
    path.write_bytes(BROKEN[said])
    with pytest.raises(UsageError) as refused:
        GgufFile.read(path)
    assert said in str(refused.value) and "it.gguf" in str(refused.value)


def test_what_fits_is_read(tmp_path):
    path = tmp_path / "it.gguf"
    path.write_bytes(file_of(tensor(32, 4, kind=8), tensor(7, name=b"u", offset=160)))
    found = GgufFile.read(path).tensors
    assert (found["t"].shape, found["t"].type, found["t"].nbytes) == ((4, 32), "q8_0", 136)
    assert (found["u"].shape, found["u"].type, found["u"].nbytes) == ((7,), "f32", 28)


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_an_endless_file(size, tmp_path):
    path = tmp_path / "it.gguf"
    path.write_bytes(BROKEN["2147483648 entries"])
    os.truncate(path, size)
    with pytest.raises(UsageError):
        GgufFile.read(path)


@pytest.mark.parametrize(
    "make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero"),
             lambda path: path.symlink_to(path)]
)  # fmt: skip
def test_no_file(make, tmp_path):
    make(tmp_path / "it.gguf")
    with pytest.raises(UsageError, match=r"it\.gguf: .*give the path of a \.gguf file"):
        GgufFile.read(tmp_path / "it.gguf")
