"""A GGUF file as the base of every engine: the same numbers, the same answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.engines.multilora.decoder import Decoder
from pipeline.errors import UsageError
from pipeline.gguf.conversion import checkpoint_of
from pipeline.gguf.model import gguf_of
from pipeline.gguf.source import GgufModel
from pipeline.kernels.native import NativeKernels
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.families import FAMILIES
from pipeline.models.safetensors_copy import library_folder
from pipeline.models.stored_shapes import HEAD
from tests.engines.multilora.conftest import Driver
from tests.gguf.conftest import BASE
from tests.gguf.test_families import IDS, MODELS

FILES = (
    *("ALL_F32", "MOSTLY_F16", "MOSTLY_BF16", "MOSTLY_Q8_0", "MOSTLY_Q4_0", "MOSTLY_Q4_1"),
    *("MOSTLY_Q5_0", "MOSTLY_Q5_1", "MOSTLY_Q2_K", "MOSTLY_Q3_K_M", "MOSTLY_Q4_K_M"),
    *("MOSTLY_Q5_K_M", "MOSTLY_Q6_K", "MOSTLY_IQ4_NL", "MOSTLY_IQ4_XS"),
)
"""As llama.cpp calls what `llama-quantize` writes."""
FOUR = ("MOSTLY_Q4_0", "MOSTLY_Q4_1", "MOSTLY_Q4_K_M")
EXACT = ("ALL_F32", "MOSTLY_F16", "MOSTLY_BF16")


@pytest.fixture(scope="module")
def ids(tiny):
    text = "Once upon a time 12 people walked to the sea, and nobody came back. " * 2
    return tiny.tokenizer().encode(text).ids


@pytest.mark.parametrize("name", FILES)
def test_each_type_loads_and_agrees_with_llama_cpp(
    name, quantised, tiny, ids, tmp_path, llama_logits, reference_logits
):
    path = quantised(name)
    found = checkpoint_of(path, tmp_path)
    assert replace(found.config, weights=None) == tiny.config
    wanted = reference_logits(library_folder(found), ids)
    theirs = llama_logits(path, ids)
    # llama.cpp rounds activations to 8 bits beside quantised weights, and to 16 beside f16 ones.
    error, limit = np.abs(theirs - wanted), 0.03 if name in EXACT else 0.2
    assert error.max() < limit and error.mean() < limit / 8
    np.testing.assert_allclose(served(found, "fp32", ids), wanted, atol=2e-3, rtol=1e-4)
    for precision, activations in (("int8", "int16"), ("int8", "int8"), ("int4", None)):
        ours = served(found, precision, ids, activations)
        # What has 4 bits already loses next to nothing in int4.
        limit = 0.5 if precision == "int4" and name not in FOUR else 0.15
        for each in (wanted, theirs):
            error = np.abs(ours - each)
            assert error.max() < limit and error.mean() < limit / 8


def served(checkpoint, precision, ids, activations=None):
    """Logits of every position, as `multilora` computes them."""
    decoder = Decoder.load(checkpoint, precision, NativeKernels(1), activations)
    driver = Driver(decoder, 256)
    driver.step({driver.add(ids): len(ids)})
    return driver.result(0).numpy()


@pytest.mark.parametrize("name", MODELS)
def test_what_is_written_is_read_back(name, random_checkpoint, tmp_path, reference_logits):
    if name == "qwen3 with biases":
        return  # which can't be written
    family, values = MODELS[name]
    made = random_checkpoint(family, **values)
    found = checkpoint_of(gguf_of(made, "f32", tmp_path), tmp_path)
    assert same_tensors(found, made)
    wanted, got = (reference_logits(library_folder(each), IDS) for each in (made, found))
    assert np.allclose(got, wanted, atol=1e-4, rtol=1e-4)
    for text in ("Hello, world! 12", "<s>in</s>", "  ünï\n"):
        assert found.tokenizer().encode(text).ids == made.tokenizer().encode(text).ids


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_floats_of_16_bits_are_read_back_to_the_bit(dtype, random_checkpoint, tmp_path):
    made = random_checkpoint("mistral", dtype=dtype, sliding_window=None)
    found = checkpoint_of(gguf_of(made, "f32", tmp_path), tmp_path)
    assert found.config == replace(made.config, family=FAMILIES["llama"])
    assert same_tensors(found, made)


def same_tensors(one, other):
    with one.weights.open() as ours, other.weights.open() as theirs:
        assert {each.name for each in ours} - {HEAD} == {each.name for each in theirs} - {HEAD}
        # Gemma's norms are stored with 1 added.
        near = (0, 1e-6 if other.config.family.norms.shift else 0)
        pairs = [
            (ours.tensor(each), theirs.tensor(theirs[each.name]))
            for each in ours
            if each.name in theirs
        ]
        return all(torch.allclose(one.float(), other.float(), *near) for one, other in pairs)


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_type": "linear", "factor": 2.5},
        {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
        {
            **{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0},
            **{"high_freq_factor": 4.0, "original_max_position_embeddings": 8192},
        },
        {
            **{"rope_type": "llama3", "factor": 3.0, "low_freq_factor": 2.0},
            **{"high_freq_factor": 9.0, "original_max_position_embeddings": 700},
        },
    ],
)
def test_scaled_rotary_embeddings(rope, random_checkpoint, tmp_path, reference_logits):
    given = {"rope_parameters": {**rope, "rope_theta": 20_000.0}, "head_dim": 64}
    made = random_checkpoint("llama", hidden_size=256, **given)
    found = checkpoint_of(gguf_of(made, "f32", tmp_path), tmp_path)
    assert found.config.rope.kind == rope["rope_type"]
    ids = [1, *range(300, 360)]
    wanted, got = (reference_logits(library_folder(each), ids) for each in (made, found))
    assert np.allclose(got, wanted, atol=1e-4, rtol=1e-4)


def test_the_file_is_what_llama_cpp_serves(q8, config, tmp_path):
    asked = ("model=gguf", f"model.path={q8}", "adapters=none", f"paths.cache={tmp_path}")
    for engine in ("llama_cpp", "ik_llama_cpp"):
        found = config(*asked, f"engine={engine}")
        assert found.engine.precision == "file"
        assert config(*asked, f"engine={engine}", "engine.precision=q4_0").precision == "q4_0"
    checkpoint = found.model.checkpoint()
    assert checkpoint.gguf == q8
    assert config("engine=llama_cpp").engine.precision == "f16"
    with pytest.raises(UsageError, match=r"engine\.precision=file: no file"):
        config("engine=llama_cpp", "engine.precision=file").engine.check(Checkpoint.open(BASE), {})


def test_the_original_may_be_the_truth(q8, tiny, tmp_path, random_checkpoint):
    def source(original):
        return GgufModel(name="gguf", path=q8, cache=tmp_path, original=original)

    served = source(None).checkpoint()
    assert source(None).truth(served) is served
    assert source(tiny.folder).truth(served).folder == tiny.folder
    with pytest.raises(UsageError, match=r"llama\.block_count is 3, this model needs 2"):
        source(random_checkpoint("llama").folder).truth(served)
