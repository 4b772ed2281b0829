"""Safetensors files as bytes, so that they can be written wrong."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Self

from tests.fuzz.json_junk import change_object

WIDTH = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1}
WIDTH |= {"BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "U32": 4, "U64": 8, "C64": 8}
DTYPES = (*WIDTH, "F8_E8M0", "F4", "F128", "f32", "", None, 7)
LARGE = (0, 1, 7, 2**16, 2**31, 2**32 - 1, 2**53, 2**63, 2**64 - 1)


@dataclass
class Safetensors:
    """A header and the bytes behind it; nothing says that they fit each other."""

    header: dict[str, Any]
    data: bytes

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a sound file."""
        raw = path.read_bytes()
        size = 8 + int.from_bytes(raw[:8], "little")
        return cls(json.loads(raw[8:size]), raw[size:])

    def bytes(self) -> bytes:
        """The file."""
        header = json.dumps(self.header).encode()
        header += b" " * (-len(header) % 8)
        return len(header).to_bytes(8, "little") + header + self.data

    def names(self) -> list[str]:
        """Of its tensors."""
        return [name for name in self.header if name != "__metadata__"]

    def content(self, name: str) -> bytes:
        """A tensor's bytes."""
        start, stop = self.header[name]["data_offsets"]
        return self.data[start:stop]

    def replaced(self, tensors: dict[str, tuple[str, list[int], bytes]]) -> "Safetensors":
        """Other tensors, soundly stored: dtype, shape and bytes by name."""
        header: dict[str, Any] = {}
        data = b""
        for name, (dtype, shape, content) in tensors.items():
            offsets = [len(data), len(data) + len(content)]
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
            data += content
        return Safetensors(header, data)

    def tensors(self) -> dict[str, tuple[str, list[int], bytes]]:
        """All of them: dtype, shape and bytes by name."""
        return {
            name: (self.header[name]["dtype"], self.header[name]["shape"], self.content(name))
            for name in self.names()
        }


def break_header(path: Path, rng: Random) -> str:
    """Change what the file says of itself; what was changed."""
    file = Safetensors.read(path)
    name = rng.choice(file.names())
    entry = file.header[name]
    kind = rng.choice(("length", "offsets", "dtype", "shape", "swapped", "twice", "byte", "json"))
    raw = file.bytes()
    if kind == "length":
        size = int.from_bytes(raw[:8], "little")
        size = rng.choice((*LARGE, size - 1, size + 1, size + 8, size // 2, len(raw), 2 * len(raw)))
        raw = (size % 2**64).to_bytes(8, "little") + raw[8:]
    elif kind == "byte":
        at = rng.randrange(8, len(raw) - len(file.data))
        raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    elif kind == "twice":
        once = json.dumps({name: entry})[1:-1].encode()
        header = b"{" + once + b"," + json.dumps(file.header).encode()[1:]
        raw = len(header).to_bytes(8, "little") + header + file.data
    else:
        raw = _changed(file, name, kind, rng).bytes()
    path.write_bytes(raw)
    return f"{path.name}: header: {kind} of {name}"


def _changed(file: Safetensors, name: str, kind: str, rng: Random) -> Safetensors:
    entry = file.header[name]
    if kind == "offsets":
        at = rng.randrange(2)
        near = (entry["data_offsets"][at] + each for each in (-8, -1, 1, 4, 8))
        entry["data_offsets"][at] = rng.choice((*near, -1, len(file.data), *LARGE))
    elif kind == "dtype":
        entry["dtype"] = rng.choice(DTYPES)
    elif kind == "shape":
        at = rng.randrange(len(entry["shape"]))
        entry["shape"][at] = rng.choice((entry["shape"][at] + 1, -1, -entry["shape"][at], *LARGE))
    elif kind == "swapped":
        other = file.header[rng.choice(file.names())]
        entry["data_offsets"], other["data_offsets"] = other["data_offsets"], entry["data_offsets"]
    else:
        change_object(file.header, rng)
    return file


def change_tensors(path: Path, rng: Random) -> str:
    """Other tensors in a sound file; what was changed."""
    file = Safetensors.read(path)
    tensors = file.tensors()
    name = rng.choice([*tensors])
    dtype, shape, content = tensors[name]
    kind = rng.choice(
        ("missing", "renamed", "extra", "copied", "turned", "rows", "flat", "recast", "stored as",
         "numbers", "empty", "scalar", "order")
    )  # fmt: skip
    if kind in ("missing", "renamed"):
        del tensors[name]
    if kind in ("renamed", "extra"):
        tensors[renamed(name, rng)] = (dtype, shape, content)
    elif kind == "copied":
        tensors[rng.choice([*tensors])] = (dtype, shape, content)
    elif kind == "turned":
        tensors[name] = (dtype, shape[::-1], content)
    elif kind == "rows":
        row = len(content) // max(1, shape[0])
        count = max(0, shape[0] + rng.choice((-8, -1, 1, 8, shape[0])))
        tensors[name] = (dtype, [count, *shape[1:]], (content * 3)[: count * row])
    elif kind == "flat":
        shapes = ([math.prod(shape)], [1, *shape], [*shape, 1], [2, math.prod(shape) // 2])
        tensors[name] = (dtype, rng.choice(shapes), content)
    elif kind == "recast":  # of the same width, so that the bytes fit
        same = [each for each in WIDTH if WIDTH[each] == WIDTH[dtype]]
        tensors[name] = (rng.choice(same), shape, content)
    elif kind == "stored as":
        other = rng.choice([*WIDTH])
        size = math.prod(shape) * WIDTH[other]
        tensors[name] = (other, shape, (content * (1 + size // max(1, len(content))))[:size])
    elif kind == "numbers":
        tensors[name] = (dtype, shape, _odd(content, WIDTH[dtype], rng))
    elif kind in ("empty", "scalar"):
        size = 0 if kind == "empty" else WIDTH[dtype]
        tensors[name] = (dtype, [0, *shape[1:]] if kind == "empty" else [], content[:size])
    elif kind == "order":
        tensors = dict(rng.sample([*tensors.items()], len(tensors)))
    path.write_bytes(file.replaced(tensors).bytes())
    return f"{path.name}: tensors: {kind}: {name} {dtype} {shape}"


def renamed(name: str, rng: Random) -> str:
    """Another name like it: of another layer, without an end, with a prefix."""
    parts = name.split(".")
    at = rng.randrange(len(parts))
    other = [*parts]
    other[at] = rng.choice(("7", "-1", "weight", "bias", "é", "", parts[at] + "_", "\n", "q_proj"))
    return rng.choice(
        (".".join(other), ".".join(parts[1:]), f"module.{name}", f"{name}.0", name[1:])
    )


def _odd(content: bytes, width: int, rng: Random) -> bytes:
    """One number, or all, NaN or infinite, the largest there is, or nothing."""
    bits = rng.choice((b"\xff", b"\x7f", b"\x00", b"\x80"))
    number = rng.choice(
        (bits * width, bytes(width - 1) + bits, bytes(max(0, width - 2)) + b"\x80\x7f")
    )
    number = number[-width:]
    count = len(content) // width
    if rng.random() < 0.3:
        return number * count
    at = width * rng.randrange(max(1, count))
    return content[:at] + number + content[at + width :]
