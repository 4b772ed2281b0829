"""Stored numbers are what ggml's own code makes of them, to the bit, and no row needs another."""

import ctypes
from pathlib import Path

import gguf
import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.gguf.dequantise import FLOATS, TYPES, GgufRows
from pipeline.gguf.file import GgufFile

ROWS, WIDTH = 24, 512


class Traits(ctypes.Structure):
    """ggml's `struct ggml_type_traits`, as far as it matters."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("block", ctypes.c_int64),
        ("interleaved", ctypes.c_int64),
        ("size", ctypes.c_size_t),
        ("quantised", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, *(ctypes.c_void_p,) * 2, ctypes.c_int64)),
    )


@pytest.fixture(scope="module")
def ggml():
    import llama_cpp

    library = ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
    library.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = (
        ctypes.c_int, *(ctypes.c_void_p,) * 2, *(ctypes.c_int64,) * 3, ctypes.c_void_p,
    )  # fmt: skip
    return library


@pytest.fixture(scope="module")
def numbers():
    drawn = np.random.default_rng(0).standard_normal((ROWS, WIDTH)).astype(np.float32)
    drawn[3] = 0
    drawn[4] *= 1e-6
    return drawn


@pytest.fixture
def stored(ggml, numbers, tmp_path):
    """A file of that type, quantised by ggml, and what ggml reads of it."""

    def made(name):
        kind = gguf.GGMLQuantizationType[name.upper()]
        packed = np.zeros((ROWS, gguf.quant_shape_to_byte_shape((WIDTH,), kind)[0]), np.uint8)
        weights = np.ones(WIDTH, np.float32)
        assert packed.nbytes == ggml.ggml_quantize_chunk(
            kind, numbers.ctypes.data, packed.ctypes.data, 0, ROWS, WIDTH, weights.ctypes.data
        )
        writer = gguf.GGUFWriter(tmp_path / "it.gguf", "llama")
        writer.add_tensor("other", np.ones(7, np.float32))
        writer.add_tensor("it", packed, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        if name == "f32":
            return tmp_path / "it.gguf", numbers
        theirs = np.empty((ROWS, WIDTH), np.float32)
        traits = ggml.ggml_get_type_traits(kind).contents
        traits.to_float(packed.ctypes.data, theirs.ctypes.data, theirs.size)
        return tmp_path / "it.gguf", theirs

    return made


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_read_as_ggml_does(name, stored, numbers):
    path, theirs = stored(name)
    file = GgufFile.read(path)
    assert file.tensors["it"].type == name
    with GgufRows(file) as opened:
        ours = opened.rows("it")
        assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))
        assert np.array_equal(opened.rows("it", 5, 9), ours[5:9])
        assert np.array_equal(opened.rows("it", 20, 99), ours[20:])
        assert opened.rows("other").tolist() == [1.0] * 7
    assert np.abs(ours - numbers).max() < (0.01 if name in FLOATS else 1.5)


def test_a_file_cut_short_while_it_is_read(stored):
    path, _ = stored("q8_0")
    with GgufRows(GgufFile.read(path)) as opened:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 100)
        assert opened.rows("it", 0, 4).shape == (4, WIDTH)
        with pytest.raises(UsageError, match="was cut short while it was read"):
            opened.rows("it")
