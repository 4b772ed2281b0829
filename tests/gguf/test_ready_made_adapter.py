"""Ready-made GGUF adapters are checked before anything is loaded."""

from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.as_gguf import gguf_adapter_of
from pipeline.errors import UsageError
from pipeline.gguf.ready_made import check_adapter_gguf
from pipeline.models.config import ModelConfig
from pipeline.models.families import FAMILIES
from pipeline.training.habits import HABITS

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny"
ARCHITECTURE = ModelConfig.read(TINY / "base")
A, B = "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"


def written(path, tensors, type_="adapter", kind="lora"):
    """A GGUF file with those tensors, given by name as shapes."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(type_)
    writer.add_string("adapter.type", kind)
    for name, shape in tensors.items():
        writer.add_tensor(name, np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", HABITS)
def test_those_written_here_fit(name, tmp_path):
    adapter = Adapter.open(name, TINY / "adapters" / name, ARCHITECTURE)
    path = gguf_adapter_of(adapter, ARCHITECTURE, tmp_path)
    assert check_adapter_gguf(path, ARCHITECTURE) == path


def test_any_rank_fits(tmp_path):
    check_adapter_gguf(written(tmp_path / "a.gguf", {A: (3, 256), B: (256, 3)}), ARCHITECTURE)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "changes nothing"),
        ({A: (4, 256)}, "stands alone"),
        ({B: (256, 4)}, "stands alone"),
        ({A: (4, 128), B: (256, 4)}, r"this model needs \[256, 256\]"),
        ({A: (4, 256), B: (512, 4)}, r"this model needs \[256, 256\]"),
        ({A: (4, 256), B: (256, 8)}, r"B\[256, 8\] · A\[4, 256\]"),
        ({"blk.9.attn_q.weight.lora_a": (4, 256)}, "seven projections"),
        ({"token_embd.weight.lora_a": (4, 256)}, "seven projections"),
        ({"blk.0.attn_q.weight": (256, 256)}, "seven projections"),
    ],
)
def test_tensors_that_dont(tensors, message, tmp_path):
    with pytest.raises(UsageError, match=message) as caught:
        check_adapter_gguf(written(tmp_path / "a.gguf", tensors), ARCHITECTURE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type_": "model"}, "general.type is 'model', this model needs 'adapter'"),
        ({"kind": "control"}, "adapter.type is 'control', this model needs 'lora'"),
    ],
)
def test_other_kinds_of_file(options, message, tmp_path):
    path = written(tmp_path / "a.gguf", {A: (4, 256), B: (256, 4)}, **options)
    with pytest.raises(UsageError, match=message):
        check_adapter_gguf(path, ARCHITECTURE)


def test_another_family(tmp_path):
    path = written(tmp_path / "a.gguf", {A: (4, 256), B: (256, 4)})
    with pytest.raises(UsageError, match=r"general.architecture is 'llama'"):
        check_adapter_gguf(path, replace(ARCHITECTURE, family=FAMILIES["qwen3"]))
