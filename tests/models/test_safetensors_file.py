"""The reader against the library: the same headers are accepted, the same numbers read."""

import json

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from pipeline.errors import UsageError
from pipeline.models.safetensors_file import (
    NUMPY,
    SafetensorsFile,
    as_float32,
    as_tensor,
    stored_tensors,
)
from pipeline.models.weights import StoredWeights

TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
SHAPES = [(), (0,), (7,), (3, 5), (2, 0, 4), (2, 3, 4)]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Every type in every shape, at every alignment."""
    path = tmp_path_factory.mktemp("stored") / "x.safetensors"
    random = torch.manual_seed(5)
    tensors = {
        f"{name} {shape}": torch.randn(shape, generator=random).to(dtype)
        for name, dtype in TYPES.items()
        for shape in SHAPES
    }
    save_file(tensors | {"odd": torch.ones(3, dtype=torch.int8)}, path, {"format": "pt"})
    return path


def test_numbers_are_those_that_the_library_reads(file):
    wanted = load_file(file)
    with SafetensorsFile(file) as opened:
        assert opened.tensors.keys() == wanted.keys()
        known = {name: each for name, each in opened.tensors.items() if name != "odd"}
        found = {name: (opened.read(each), opened.map(each)) for name, each in known.items()}
    for name, both in found.items():  # What was mapped outlives its file.
        for numbers in both:
            assert numbers.dtype == NUMPY[name.split()[0]]
            assert torch.equal(as_tensor(numbers), wanted[name])
            np.testing.assert_array_equal(as_float32(numbers), wanted[name].float().numpy())


@pytest.mark.parametrize("most", [1, 8, 20, 10**6])
def test_pieces_are_the_whole(most, file):
    with SafetensorsFile(file) as opened:
        for name, each in opened.tensors.items():
            if name != "odd" and each.shape:
                parts = [opened.read(each.rows(0, 0)), *map(opened.read, each.pieces(most))]
                np.testing.assert_array_equal(np.concatenate(parts), opened.read(each))
                row = each.nbytes // max(each.shape[0], 1)
                assert all(part.nbytes <= max(most, row) for part in parts)


def test_writing_to_what_is_mapped_leaves_the_file_alone(file):
    before = file.read_bytes()
    with SafetensorsFile(file) as opened:
        opened.map(opened.tensors["F32 (3, 5)"])[:] = 1
    assert file.read_bytes() == before


def rebuilt(path, header: bytes, data: bytes = b"\0" * 8):
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


def said(**entries):
    keys = ("dtype", "shape", "data_offsets")
    return json.dumps({k: dict(zip(keys, v, strict=True)) for k, v in entries.items()}).encode()


ACCEPTED = {
    "one tensor": said(a=("F32", [2], [0, 8])),
    "a space before": b" " + said(a=("F32", [2], [0, 8])),
    "spaces after": said(a=("F32", [2], [0, 8])) + b"   ",
    "no dimension": said(a=("F64", [], [0, 8])),
    "an empty tensor": said(a=("F64", [], [0, 8]), b=("F16", [0, 3], [8, 8])),
    "in another order": said(b=("F32", [1], [4, 8]), a=("F32", [1], [0, 4])),
    "metadata": b'{"__metadata__": {"a": "b"},' + said(a=("F64", [1], [0, 8]))[1:],
    "a name twice": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},'
    + said(a=("F32", [2], [0, 8]))[1:],
    "half bytes": said(a=("F4", [16], [0, 8])),
}
REFUSED = {
    "a hole": said(a=("F32", [1], [0, 4]), b=("F8_E4M3", [1], [7, 8])),
    "no hole, but short": said(a=("F32", [1], [0, 4])),
    "beyond the end": said(a=("F32", [3], [0, 12])),
    "one upon another": said(a=("F64", [1], [0, 8]), b=("F64", [1], [0, 8])),
    "another size": said(a=("F32", [3], [0, 8])),
    "backwards": said(a=("F32", [2], [8, 0])),
    "below zero": said(a=("F32", [-2], [0, 8])),
    "a fraction": said(a=("F32", [2.0], [0, 8])),
    "true": said(a=("F32", [2, True], [0, 8])),
    "a text": said(a=("F32", ["2"], [0, 8])),
    "an unknown type": said(a=("F31", [2], [0, 8])),
    "no shape": b'{"a": {"dtype": "F32", "data_offsets": [0, 8]}}',
    "three offsets": said(a=("F32", [2], [0, 8, 8])),
    "no object": b"[]",
    "a number": b'{"a": 5}',
    "no JSON": b'{"a"',
    "no UTF-8": b'{"\xff": {}}',
    "half a character": said(a=("F32", [2], [0, 8])).replace(b'"a"', b'"\\ud800"'),
    "NaN": b'{"__metadata__": NaN, ' + said(a=("F32", [2], [0, 8]))[1:],
    "metadata that isn't texts": b'{"__metadata__": {"a": 1},' + said(a=("F64", [1], [0, 8]))[1:],
    "a size beyond all": said(a=("F32", [10**30], [0, 8])),
    "sizes beyond all": said(a=("F32", [10**15] * 3, [0, 8])),
    "nested deeply": b'{"a":' * 9000 + b"1" + b"}" * 9000,
    "nothing": b"{}",
    "a type twice": said(a=("F32", [2], [0, 8])).replace(b'{"dtype"', b'{"dtype": "F32", "dtype"'),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_sound_header_is_accepted_by_both(name, tmp_path):
    path = rebuilt(tmp_path / "x.safetensors", ACCEPTED[name])
    with safe_open(path, framework="numpy") as theirs:
        assert [*stored_tensors(path)] == theirs.offset_keys()


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_header_is_refused_by_both(name, tmp_path):
    path = rebuilt(tmp_path / "x.safetensors", REFUSED[name])
    with pytest.raises(SafetensorError), safe_open(path, framework="numpy"):
        pass
    with pytest.raises(UsageError, match=r"x\.safetensors: not whole") as refused:
        stored_tensors(path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_changed_byte_is_accepted_that_the_library_refuses(data, tmp_path, file):
    whole = bytearray(file.read_bytes())
    size = 8 + int.from_bytes(whole[:8], "little")
    at = data.draw(st.integers(0, size - 1))
    whole[at] = data.draw(st.sampled_from(b'0123456789{}[]",: \\x\x00\xff') | st.integers(0, 255))
    path = tmp_path / "y.safetensors"
    path.write_bytes(whole)
    try:
        found = [*stored_tensors(path)]
    except UsageError:
        return
    with safe_open(path, framework="numpy") as theirs:
        assert sorted(found) == sorted(theirs.offset_keys())


def test_a_file_that_changed_since_its_header_was_read_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(4)}, path)
    weights = StoredWeights.read([path])
    save_file({"a": torch.ones(5)}, path)
    with pytest.raises(UsageError, match="isn't what it was"):
        weights.open()


def test_a_file_cut_short_while_it_is_read_is_told(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(4)}, path)
    with StoredWeights.read([path]).open() as opened:
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(UsageError, match="cut short"):
            opened.read(opened["a"])
