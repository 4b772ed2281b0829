"""What may lie in the place of a checkpoint's file: refused in one line that names it."""

import contextlib
import json
import os
from random import Random

import pytest

from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from tests.fuzz.broken_files import BREAKS
from tests.fuzz.small_checkpoints import INDEX, make
from tests.models.edited import reconfigure

NEVER = ("a pipe", "/dev/zero", "a folder", "a link to itself", "a link to nothing", "huge")
NEVER += ("empty", "null", "a list", "deep lists", "deep objects", "not UTF-8", "a long number")
SOMETIMES = ("an empty object", "byte order mark", "UTF-16", "zeros", "a pickle", "gone", "cut")
SOMETIMES += ("grown", "bits flipped", "deep lists in an object")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    return {name: make(name, folder / name) for name in ("llama", "llama sharded")}


@pytest.fixture
def folder(sound, tmp_path):
    def copied(name):
        (tmp_path / "it").mkdir()
        for each in sound[name].iterdir():
            (tmp_path / "it" / each.name).write_bytes(each.read_bytes())
        return tmp_path / "it"

    return copied


def said_of(folder):
    with pytest.raises(UsageError) as refused:
        Checkpoint.open(folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


BESIDE = ("chat_template.jinja", "model.safetensors", "adapter_config.json")
SHARDS = (
    *("../x.safetensors", "/tmp/x.safetensors", "a/../../x.safetensors", "x.bin", "", ".", 7, None),
    *(["x.safetensors"], "a\nb.safetensors", "a\0.safetensors", "\ud800.safetensors"),
)
FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


@pytest.mark.parametrize("kind", NEVER)
@pytest.mark.parametrize("file", (*FILES, INDEX, "model-00002-of-00002.safetensors"))
def test_what_isnt_a_file_of_its_kind_is_refused_by_name(file, kind, folder):
    where = folder("llama sharded")
    BREAKS[kind](where / file, Random(0))
    if (where / file).is_file() and file.endswith(".safetensors"):
        kind = "it"
    assert file in said_of(where), kind


def test_all_that_may_happen_to_a_file_is_tried_here():
    assert {*NEVER, *SOMETIMES} == {*BREAKS}


@pytest.mark.parametrize("kind", ("a pipe", "/dev/zero", "a folder", "a link to nothing"))
@pytest.mark.parametrize(
    "name", ("chat_template.jinja", "model.safetensors", "adapter_config.json")
)
def test_so_is_what_lies_beside(name, kind, folder):
    where = folder("llama sharded")
    (where / name).write_text("")
    BREAKS[kind](where / name, Random(0))
    assert name in said_of(where)


@pytest.mark.parametrize("shard", SHARDS, ids=repr)
def test_shards_lie_in_the_folder(shard, folder):
    where = folder("llama sharded")
    document = json.loads((where / INDEX).read_text())
    document["weight_map"]["model.norm.weight"] = shard
    (where / INDEX).write_text(json.dumps(document))
    assert "model.norm.weight' is in" in said_of(where)


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"metadata": {}}, {"weight_map": None}])
def test_an_index_without_its_parts_is_none(index, folder):
    where = folder("llama sharded")
    (where / INDEX).write_text(json.dumps(index))
    assert "not an index of shards: weight_map and metadata" in said_of(where)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("num_hidden_layers", 10**30), ("num_hidden_layers", 10**9), ("vocab_size", 2**31)),
        *(("max_position_embeddings", 10**30), ("bos_token_id", 10**30)),
        ("eos_token_id", [-(2**40)]),
    ],
)
def test_numbers_that_no_model_has_are_refused_before_anything_is_counted(key, value, folder):
    where = folder("llama")
    reconfigure(where, **{key: value})
    assert key in said_of(where)


def test_a_header_of_endless_size_is_refused_unread(folder):
    where = folder("llama")
    path = where / "model.safetensors"
    path.write_bytes((1 << 40).to_bytes(8, "little") + path.read_bytes()[8:])
    os.truncate(path, 1 << 41)
    assert "a header of 1099511627776 bytes" in said_of(where)


@pytest.mark.parametrize("name", [b"n\xff\xfe", b"x" * 5000, b"a\0b"])
def test_names_of_folders_that_no_folder_or_record_can_have(name, folder, tmp_path):
    where = tmp_path / os.fsdecode(name)
    with contextlib.suppress(OSError, ValueError):
        folder("llama").rename(where)
    said_of(where)


@pytest.mark.parametrize("prefix", ("None", "\0", "a\nb", "(a+)+$", "x" * 3000))
def test_a_prefix_that_the_merges_havent_got_is_refused_and_never_panics(prefix, folder):
    where = folder("llama sharded")
    document = json.loads((where / "tokenizer.json").read_text())
    document["model"]["continuing_subword_prefix"] = prefix
    (where / "tokenizer.json").write_text(json.dumps(document))
    assert "continuing_subword_prefix" in said_of(where)


@pytest.mark.parametrize(
    "merge", (["Ġ", "Ġ" * 8], ["a"], ["a", 5], 7, None, "a", "a b c"), ids=repr
)
def test_a_merge_that_makes_no_token_is_refused(merge, folder):
    where = folder("llama sharded")
    document = json.loads((where / "tokenizer.json").read_text())
    document["model"]["merges"][2] = merge
    (where / "tokenizer.json").write_text(json.dumps(document))
    said = said_of(where)
    assert "tokenizer.json" in said and "merge" in said
