"""From a checkpoint's files to packed weights: what may be missing, and the memory it takes."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.engines.multilora.packing import load_packed
from pipeline.errors import UsageError
from pipeline.kernels import layout
from pipeline.kernels.formats import weight_format
from pipeline.kernels.reference import ReferenceKernels
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.stored_shapes import EMBEDDING, HEAD
from pipeline.models.weight_files import INDEX

WEIGHTS = "model.safetensors"


@pytest.fixture
def changed(tiny, tmp_path):
    """Copies the embedded checkpoint with other tensors and another config."""

    def copy(change, **config):
        shutil.copytree(tiny.folder, tmp_path, dirs_exist_ok=True)
        save_file(change(load_file(tiny.folder / WEIGHTS)), tmp_path / WEIGHTS)
        values = json.loads((tmp_path / "config.json").read_text()) | config
        (tmp_path / "config.json").write_text(json.dumps(values))
        return Checkpoint.open(tmp_path)

    return copy


def packed(checkpoint):
    return load_packed(checkpoint, "fp32", ReferenceKernels())


def test_an_untied_checkpoint_without_an_output_layer_is_an_error_that_names_it(changed):
    with pytest.raises(UsageError, match=r"no tensor lm_head\.weight"):
        changed(lambda tensors: tensors, tie_word_embeddings=False)


@pytest.mark.parametrize("tied", [True, False])
def test_an_output_layer_that_differs_from_the_embedding_is_used_whatever_the_config_says(
    tied, changed
):
    checkpoint = changed(
        lambda tensors: tensors | {HEAD: tensors[EMBEDDING] + 1}, tie_word_embeddings=tied
    )
    with checkpoint.weights.open() as opened:
        expected = opened.tensor(opened[HEAD]).float()
    torch.testing.assert_close(layout.unpack(packed(checkpoint).head), expected)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_an_embedding_in_8_bits_is_kept_once_where_it_is_the_output_layer(precision, changed):
    def load(checkpoint):
        return load_packed(checkpoint, precision, ReferenceKernels())

    def stored(checkpoint):
        with checkpoint.weights.open() as opened:
            return opened.tensor(opened[EMBEDDING]).float()

    tokens = torch.tensor([5, 2047, 5]).int()
    tied = changed(lambda tensors: tensors)
    one, wanted = load(tied), stored(tied)[tokens]
    apart = changed(lambda tensors: tensors | {HEAD: tensors[EMBEDDING] + 1})
    two = load(apart)
    for model in (one, two):
        torch.testing.assert_close(model.embedding[tokens], wanted, atol=0.002, rtol=0.02)
    assert one.served_bytes == one.bytes == two.bytes
    assert two.served_bytes == two.bytes + two.head.bytes


@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_beside_int4_the_first_queries_keys_and_values_are_as_the_output_layer_is(
    activations, tiny
):
    model = load_packed(tiny, "int4", ReferenceKernels(), activations)
    first, *others = (each.format for layer in model.layers for each in layer.matrices)
    assert first == model.head.format == weight_format("int8", activations)
    assert {each.name for each in others} == {"int4"}


def test_a_missing_tensor_is_named(changed):
    gone = "model.layers.1.mlp.up_proj.weight"
    with pytest.raises(UsageError, match=re.escape(f"no tensor {gone}")):
        changed(lambda tensors: {k: v for k, v in tensors.items() if k != gone})


def test_shards_are_packed_as_the_whole_file_is(changed, tiny):
    folder = changed(lambda tensors: tensors).folder
    tensors = load_file(folder / WEIGHTS)
    names = sorted(tensors)
    shards = {f"model-0000{n}-of-00003.safetensors": names[n - 1 :: 3] for n in (1, 2, 3)}
    for file, mine in shards.items():
        save_file({name: tensors[name] for name in mine}, folder / file)
    files = {name: file for file, mine in shards.items() for name in mine}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": files}))
    (folder / WEIGHTS).unlink()
    sharded = packed(Checkpoint.open(folder))
    for mine, whole in zip(sharded.layers, packed(tiny).layers, strict=True):
        for a, b in zip(mine.matrices, whole.matrices, strict=True):
            assert torch.equal(a.data, b.data)


PEAK = """
import resource, sys
from pathlib import Path
from pipeline.engines.multilora.decoder import Decoder
from pipeline.kernels.native import NativeKernels
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.stored_shapes import EMBEDDING, HEAD
from pipeline.models.weight_files import INDEX

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

checkpoint, warm = (Checkpoint.open(Path(each)) for each in sys.argv[1:])
Decoder.load(warm, "int8", NativeKernels(1))
Path("/proc/self/clear_refs").write_text("5")
base = resident()
decoder = Decoder.load(checkpoint, "int8", NativeKernels(1))
status = Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
print(peak - base, decoder.model_bytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak can be reset on Linux")
def test_packing_fp32_into_int8_never_holds_a_second_copy(tiny, tmp_path):
    """Of a model of 66 million weights: what its loading takes, at most, above what stays."""
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(
        "llama",
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=8,
        vocab_size=6000,
        tie_word_embeddings=False,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    shutil.copy(tiny.folder / "tokenizer.json", tmp_path)
    said = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path), str(tiny.folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    peak, kept = map(int, said.stdout.split())
    source = (tmp_path / WEIGHTS).stat().st_size
    assert kept < source / 2
    assert peak - kept < source / 8
