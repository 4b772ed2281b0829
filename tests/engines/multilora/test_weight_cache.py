"""Packed weights between runs: the same bits, found by all that decides them, whatever befalls."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.multilora import packed_file, weight_cache
from pipeline.engines.multilora.packed_file import DamagedFileError, read_packed, write_packed
from pipeline.engines.multilora.packing import load_packed
from pipeline.engines.multilora.weight_cache import CODE, WeightCache, code_hash, recipe
from pipeline.kernels import memory
from pipeline.kernels.formats import FORMATS
from pipeline.kernels.native import NativeKernels
from pipeline.kernels.reference import ReferenceKernels
from pipeline.models.checkpoint import Checkpoint
from pipeline.places import PACKAGE

KERNELS = {"native": lambda: NativeKernels(2), "reference": ReferenceKernels}


class Unused(NativeKernels):
    """Kernels that may not pack."""

    def pack(self, *_):
        raise AssertionError("packed again")


@pytest.fixture
def cache(tmp_path):
    return WeightCache(tmp_path / "packed", 2)


@pytest.fixture
def kept(cache):
    """The files that are kept."""
    return lambda: sorted(cache.folder.iterdir()) if cache.folder.exists() else []


def tensors_of(model):
    for layer in model.layers:
        yield from (matrix.data for matrix in layer.matrices)
        yield from (matrix.bias for matrix in layer.matrices if matrix.bias is not None)
        yield from (layer.norms.before_attention, layer.norms.before_feed_forward)
    yield from (model.final_norm, model.head.data)


def same(one, other):
    pairs = zip(tensors_of(one), tensors_of(other), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def loaded(checkpoint, cache, precision="int4", kernels=None):
    return load_packed(checkpoint, precision, kernels or NativeKernels(2), "int16", cache)


@pytest.mark.parametrize(
    ("kernels", "precision"), [("native", "int8"), ("native", "int4"), ("reference", "int4")]
)
def test_what_is_read_is_what_was_packed(precision, kernels, tiny, cache, kept, monkeypatch):
    made = KERNELS[kernels]()
    fresh = load_packed(tiny, precision, made)
    assert same(loaded(tiny, cache, precision, made), fresh)
    (file,) = kept()
    monkeypatch.setattr(type(made), "pack", Unused.pack)
    assert same(loaded(tiny, cache, precision, made), fresh)
    assert kept() == [file]


def test_floats_are_not_kept(tiny, cache, kept):
    loaded(tiny, cache, "fp32")
    assert kept() == []


@settings(max_examples=60)
@given(at=st.integers(0, 2**64 - 1), bit=st.integers(0, 7))
def test_every_bit_counts(at, bit, tmp_path_factory):
    path = tmp_path_factory.mktemp("bits") / "file"
    generator = torch.manual_seed(at % 1000)
    tensors = {
        "a": torch.randint(256, (3, 70), dtype=torch.uint8, generator=generator),
        "b": torch.randn(5, generator=generator),
    }
    write_packed(path, tensors, "recipe", 1)
    assert all(torch.equal(tensors[name], each) for name, each in read(path).items())
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(DamagedFileError):
        read(path)
    path.write_bytes(data[: at % len(data)])
    with pytest.raises(DamagedFileError):
        read(path)


def read(path):
    return read_packed(path, "recipe", 2)


def test_a_large_tensor_is_read_in_pieces_into_huge_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(packed_file, "PIECE", 1000)
    monkeypatch.setattr(memory, "HUGE", 8192)
    tensors = {name: torch.arange(n).byte() for name, n in {"a": 999, "b": 8193, "c": 1}.items()}
    write_packed(tmp_path / "file", tensors, "recipe", 3)
    found = read(tmp_path / "file")
    assert list(found) == list(tensors)
    assert all(torch.equal(tensors[name], each) for name, each in found.items())


def test_a_file_cut_short_while_it_is_read_is_damaged(tmp_path, monkeypatch):
    path, room = tmp_path / "file", packed_file._room
    write_packed(path, {"a": torch.ones(50000)}, "recipe", 1)

    def cut(*shape):
        os.truncate(path, 100000)
        return room(*shape)

    monkeypatch.setattr(packed_file, "_room", cut)
    with pytest.raises(DamagedFileError, match="cut short"):
        read(path)


def flipped(path):
    data = bytearray(path.read_bytes())
    data[-1000] ^= 16
    path.write_bytes(data)


def of_another(path):
    write_packed(path, {"a": torch.ones(3)}, "another recipe", 1)


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        of_another,
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: path.write_bytes(b""),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["flipped", "another's", "truncated", "empty", "a folder"],
)
def test_what_is_damaged_is_packed_anew_in_one_line(damage, tiny, cache, kept, caplog):
    fresh = loaded(tiny, cache)
    (file,) = kept()
    damage(file)
    assert same(loaded(tiny, cache), fresh)
    first, *_ = [record.getMessage() for record in caplog.records]
    assert "packed anew" in first and "\n" not in first
    if file.is_file():
        caplog.clear()
        assert same(loaded(tiny, cache, kernels=Unused(2)), fresh)
        assert not caplog.records


def full(cache, monkeypatch):
    usage = shutil.disk_usage(cache.folder.parent)._replace(free=1000)
    monkeypatch.setattr(weight_cache.shutil, "disk_usage", lambda _: usage)


def no_folder(cache, monkeypatch):
    cache.folder.write_text("a file")


def failing(cache, monkeypatch):
    def fail(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weight_cache, "write_packed", fail)


@pytest.mark.parametrize("trouble", [full, no_folder, failing])
def test_without_a_place_to_keep_them_they_are_packed_each_time(
    trouble, tiny, cache, monkeypatch, caplog
):
    trouble(cache, monkeypatch)
    assert same(loaded(tiny, cache), load_packed(tiny, "int4", NativeKernels(2)))
    (*_, said) = [record.getMessage() for record in caplog.records]
    assert "aren't kept" in said and "\n" not in said
    assert cache.folder.is_file() or not list(cache.folder.iterdir())


def test_the_draft_of_a_killed_writer_harms_nobody(tiny, cache, kept):
    fresh = loaded(tiny, cache)
    (file,) = kept()
    file.rename(draft := file.with_name(f".{file.name}.killed"))
    os.truncate(draft, 100000)
    assert same(loaded(tiny, cache), fresh)
    assert same(loaded(tiny, cache, kernels=Unused(2)), fresh)
    assert kept() == [draft, file]


def test_those_that_keep_the_same_at_once_leave_one_whole_file(tiny, cache, kept):
    with ThreadPoolExecutor(3) as pool:
        models = [*pool.map(lambda _: loaded(tiny, cache), range(3))]
    (_,) = kept()
    models.append(loaded(tiny, cache, kernels=Unused(2)))
    assert all(same(models[0], each) for each in models)


def test_those_read_longest_ago_make_room(cache, kept, monkeypatch):
    tensors = {"a": torch.ones(25000)}
    monkeypatch.setattr(weight_cache, "MOST_BYTES", 250000)
    for name in "one", "two":
        cache.keep(name, tensors)
        os.utime(cache._path(name), (0, "one two".index(name)))
    assert cache.read("one")
    cache.keep("three", tensors)
    assert kept() == sorted(map(cache._path, ("one", "three")))
    cache.keep("four", {"a": torch.ones(100000)})
    assert kept() == [cache._path("four")]


def test_other_bytes_of_the_same_name_size_and_time_are_packed(tiny, cache, tmp_path):
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    file = folder / "model.safetensors"
    loaded(Checkpoint.open(folder), cache)
    before, data = file.stat(), bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = Checkpoint.open(folder)
    assert same(loaded(changed, cache), load_packed(changed, "int4", NativeKernels(2)))


def test_what_changed_since_it_was_hashed_is_not_kept(tiny, cache, kept, tmp_path):
    folder = shutil.copytree(tiny.folder, tmp_path / "model")
    checkpoint, file = Checkpoint.open(folder), folder / "model.safetensors"
    checkpoint.fingerprint()
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    loaded(checkpoint, cache)
    assert kept() == []


def test_all_that_decides_is_in_the_recipe(tiny):
    formats, backend = (FORMATS["int4"], FORMATS["int8"]), NativeKernels(1).backend
    changed = [
        recipe(tiny, formats[::-1], backend, 2048),
        recipe(tiny, (replace(formats[0], group=64), formats[1]), backend, 2048),
        recipe(tiny, formats, ReferenceKernels().backend, 2048),
        recipe(tiny, formats, backend, 2049),
        *(recipe(tiny, formats, replace(backend, **{name: "?"}), 2048) for name in vars(backend)),
    ]
    assert len({recipe(tiny, formats, backend, 2048), *changed}) == 1 + len(changed)
    assert json.loads(changed[0])["code"] == code_hash()


def test_every_file_of_the_code_that_packs_counts(tmp_path):
    for room in CODE:
        shutil.copytree(PACKAGE / room, tmp_path / room)
    files = {
        *("kernels/native/abi.h", "kernels/native/packing.cpp", "kernels/quantise.py"),
        *("kernels/layout.py", "kernels/formats.py", "engines/multilora/packing.py"),
        *("engines/multilora/embedding.py", "models/safetensors_file.py"),
    }
    found = [code_hash.__wrapped__(tmp_path)]
    assert found == [code_hash()]
    for name in sorted(files):
        with Path(tmp_path / name).open("a") as file:
            file.write("\n")
        found.append(code_hash.__wrapped__(tmp_path))
    assert len({*found}) == len(found)
