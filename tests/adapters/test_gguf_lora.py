"""Adapters as llama.cpp's files: PEFT makes of them what llama.cpp does."""

import re
from pathlib import Path
from random import Random

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.as_gguf import gguf_adapter_of
from pipeline.adapters.folder import FolderAdapters
from pipeline.adapters.lora_file import PREFIX, WEIGHTS
from pipeline.errors import UsageError
from pipeline.gguf.model import gguf_of
from pipeline.models.checkpoint import Checkpoint
from pipeline.stages.unchanged import stamps
from tests.fuzz.peft_answers import PeftAnswers
from tests.fuzz.small_adapters import SEVEN, make

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny"
IDS = (5, 6, 7, 40, 41)
Q = "blk.0.attn_q.weight"
VALUES = {"target_modules": SEVEN, "rank_pattern": {"q_proj": 2, "up_proj": 9}, "lora_alpha": 3}


@pytest.fixture(scope="module")
def base():
    return Checkpoint.open(TINY / "base")


@pytest.fixture(scope="module")
def peft(base):
    return PeftAnswers(base.folder)


@pytest.fixture
def opened(tmp_path, base):
    return lambda path: Adapter.open("it", path, base.config, tmp_path / "cache").check_numbers()


def written(path, tensors, alpha=None, kind="f32", **metadata):
    """A file of those tensors, by llama.cpp's names, in numbers of that type."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    for key, value in metadata.items():
        writer.add_array(key.replace("__", "."), value)
    type_ = gguf.GGMLQuantizationType[kind.upper()]
    for name, values in tensors.items():
        data = gguf.quantize(values.astype(np.float32), type_)
        writer.add_tensor(name, data, raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def random_pair(rank=4, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((rank, 256)), rng.standard_normal((256, rank))
    return {f"{Q}.lora_a": a * 0.3, f"{Q}.lora_b": b * 0.3}


def by_llama_cpp(path, base, cache, prompt):
    """Log-probabilities with the adapter, as llama.cpp computes them from the file itself."""
    from llama_cpp import GGML_TYPE_F32, Llama

    exact = {"type_k": GGML_TYPE_F32, "type_v": GGML_TYPE_F32}
    options = {"n_ctx": 64, "n_threads": 1, "logits_all": True, "verbose": False}
    model = str(gguf_of(base, "f32", cache))
    llama = Llama(model, lora_path=str(path), **options, **exact)
    llama.eval([*prompt])
    return np.array(llama.scores[len(prompt) - 1])


def same_as_llama_cpp(path, opened, peft, base, cache):
    ours = peft.logits(opened(path).folder, IDS)[0]
    np.testing.assert_allclose(ours, by_llama_cpp(path, base, cache, IDS), atol=5e-3)
    return True


def test_one_that_peft_saved_comes_back(opened, peft, base, tmp_path, cache):
    saved = Adapter.open("it", make(tmp_path / "saved", VALUES, "F16", base.config), base.config)
    path = gguf_adapter_of(saved, base.config, tmp_path)
    found = peft.logits(opened(path).folder, IDS)
    np.testing.assert_allclose(found, peft.logits(saved.folder, IDS), atol=1e-4)
    assert same_as_llama_cpp(path, opened, peft, base, cache)


@pytest.mark.parametrize("alpha", [None, 0.0, 3.0, -2.5])
def test_alpha_is_read_as_llama_cpp_reads_it(alpha, opened, peft, base, tmp_path, cache):
    path = written(tmp_path / "a b.gguf", random_pair(), alpha)
    assert same_as_llama_cpp(path, opened, peft, base, cache)


def test_by_the_rank_of_each_module(opened, peft, base, tmp_path, cache):
    other = {k.replace("attn_q", "attn_output"): v for k, v in random_pair(7, seed=1).items()}
    path = written(tmp_path / "a.gguf", random_pair() | other, 0.0)
    assert same_as_llama_cpp(path, opened, peft, base, cache)


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16"])
def test_types_that_stand_for_themselves(kind, opened, tmp_path):
    pair = random_pair()
    stored = load_file(opened(written(tmp_path / "a.gguf", pair, 4.0, kind)).folder / WEIGHTS)
    name = f"{PREFIX}model.layers.0.self_attn.q_proj.lora_A.weight"
    assert stored[name].dtype == (np.float16 if kind == "f16" else np.float32)
    np.testing.assert_allclose(stored[name], pair[f"{Q}.lora_a"], rtol=0.01)


@pytest.mark.parametrize(
    ("tensors", "metadata", "said"),
    [
        ({}, {}, "changes nothing"),
        ({"output.weight.lora_a": np.zeros((4, 256))}, {}, "isn't LoRA for"),
        ({f"{Q}.lora_a": np.zeros((4, 256))}, {}, "stands alone"),
        (random_pair(), {"adapter__alora__invocation_tokens": [1]}, "from some tokens on"),
        (random_pair(), {"alpha": float("nan")}, "lora_alpha is nan"),
        ({k: v * np.nan for k, v in random_pair().items()}, {}, "holds NaN"),
    ],
)
def test_what_isnt_served_is_refused_by_the_files_name(tensors, metadata, said, opened, tmp_path):
    path = written(tmp_path / "a.gguf", tensors, **metadata)
    with pytest.raises(UsageError, match=re.escape(str(path)) + ".*" + said) as refused:
        opened(path)
    assert "\n" not in str(refused.value)


def test_a_file_and_a_folder_of_files(base, tmp_path):
    path = written(tmp_path / "one.gguf", random_pair(), 4.0)
    written(tmp_path / "TWO.GGUF", random_pair(seed=1), 4.0)
    make(tmp_path / "three", {}, "F16", base.config)
    cache = tmp_path / "cache"
    assert FolderAdapters(name="folder", path=path, cache=cache).names() == ("one",)
    found = FolderAdapters(name="folder", path=tmp_path, cache=cache).preview(base.config)
    assert [each.name for each in found] == ["TWO", "one", "three"]
    assert path in stamps(found[1].folders)
    make(tmp_path / "one", {}, "F16", base.config)
    with pytest.raises(UsageError, match=r"one and one\.gguf are adapters of one name"):
        FolderAdapters(name="folder", path=tmp_path).names()


def test_a_file_with_other_bytes_is_refused_in_a_line_or_another_adapter(opened, tmp_path):
    sound = written(tmp_path / "sound.gguf", random_pair(rank=1), 4.0).read_bytes()
    rng, path = Random(0), tmp_path / "it.gguf"
    for _ in range(150):
        data = bytearray(sound)
        for _ in range(rng.choice((1, 1, 4))):
            data[rng.randrange(min(len(data), 500))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
        try:
            opened(path)
        except UsageError as refused:
            assert str(path) in str(refused) and "\n" not in str(refused)
