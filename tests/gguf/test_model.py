"""The embedded model as GGUF: metadata, tensors, values, and the cache."""

import json
import shutil

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.errors import UsageError
from pipeline.gguf.check import PRECISIONS
from pipeline.gguf.layout import interleave
from pipeline.gguf.model import gguf_of
from pipeline.models.checkpoint import Checkpoint

PAIRED = {"attn_q.weight": 4, "attn_k.weight": 2}
PROMPT = "The function returns a list of"
SIXES = {"blk.2.attn_v.weight", "blk.2.ffn_down.weight"}
"""With 3 layers, llama-quantize gives the last one's more bits in q4_k_m."""


def reader(path):
    return gguf.GGUFReader(path)


@pytest.fixture(scope="module")
def source(tiny):
    return load_file(tiny.folder / "model.safetensors")


def in_source(name, source):
    """The checkpoint's tensor of that GGUF name, rows moved."""
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
    }
    inside = {
        "attn_norm.weight": "input_layernorm.weight",
        "ffn_norm.weight": "post_attention_layernorm.weight",
        "attn_q.weight": "self_attn.q_proj.weight",
        "attn_k.weight": "self_attn.k_proj.weight",
        "attn_v.weight": "self_attn.v_proj.weight",
        "attn_output.weight": "self_attn.o_proj.weight",
        "ffn_gate.weight": "mlp.gate_proj.weight",
        "ffn_up.weight": "mlp.up_proj.weight",
        "ffn_down.weight": "mlp.down_proj.weight",
    }
    if name in names:
        return source[names[name]].float().numpy()
    _, layer, rest = name.split(".", 2)
    tensor = source[f"model.layers.{layer}.{inside[rest]}"].float()
    return (interleave(tensor, PAIRED[rest]) if rest in PAIRED else tensor).numpy()


def expected_type(name, precision):
    """What llama-quantize gives each tensor of a tied 3-layer Llama."""
    if "norm" in name or precision == "f32":
        return "F32"
    if name == "token_embd.weight" and precision in ("q4_0", "q4_k_m"):
        return "Q6_K"
    if name in SIXES and precision == "q4_k_m":
        return "Q6_K"
    return {"f16": "F16", "q8_0": "Q8_0", "q4_0": "Q4_0", "q4_k_m": "Q4_K"}[precision]


def test_metadata(tiny, cache):
    fields = reader(gguf_of(tiny, "f32", cache)).fields
    values = {
        key: field.contents()
        for key, field in fields.items()
        if field.types[0] != gguf.GGUFValueType.ARRAY
    }
    eps = values.pop("llama.attention.layer_norm_rms_epsilon")
    assert eps == pytest.approx(1e-6)
    assert {key: values[key] for key in values if not key.startswith("GGUF.")} == {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "base",
        "general.file_type": gguf.LlamaFileType.ALL_F32,
        "general.quantization_version": 2,
        "llama.vocab_size": 2048,
        "llama.context_length": 2048,
        "llama.embedding_length": 256,
        "llama.block_count": 3,
        "llama.feed_forward_length": 768,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.attention.key_length": 64,
        "llama.attention.value_length": 64,
        "llama.rope.dimension_count": 64,
        "llama.rope.freq_base": 10000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": False,
    }


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_tensor_is_there_in_its_type_and_close_to_the_original(
    precision, tiny, cache, source
):
    tolerance = {"f32": 0, "f16": 0, "q8_0": 0.01, "q4_0": 0.13, "q4_k_m": 0.1}[precision]
    tensors = reader(gguf_of(tiny, precision, cache)).tensors
    assert len(tensors) == len(source) == 29
    for each in tensors:
        expected = in_source(each.name, source)
        assert each.tensor_type.name == expected_type(each.name, precision), each.name
        assert tuple(reversed(each.shape.tolist())) == expected.shape
        values = gguf.dequantize(each.data, each.tensor_type).reshape(expected.shape)
        error = np.linalg.norm(values - expected) / np.linalg.norm(expected)
        assert error <= (0 if "norm" in each.name else tolerance), each.name


@pytest.mark.parametrize("precision", ["q8_0", "q4_0", "q4_k_m"])
def test_quantised_files_say_what_they_are(precision, tiny, cache):
    fields = reader(gguf_of(tiny, precision, cache)).fields
    kind = gguf.LlamaFileType(fields["general.file_type"].contents())
    assert kind.name == f"MOSTLY_{precision.upper()}"


@pytest.mark.parametrize(("precision", "tolerance"), [("f32", 1e-3), ("f16", 0.05)])
def test_logits_are_those_of_transformers(
    precision, tolerance, tiny, cache, llama_logits, reference_logits
):
    ids = tiny.tokenizer().encode(PROMPT).ids
    logits = llama_logits(gguf_of(tiny, precision, cache), ids)
    np.testing.assert_allclose(logits, reference_logits(tiny.folder, ids), atol=tolerance)


def test_text_in_text_out_in_the_high_level_api(tiny, cache):
    from llama_cpp import Llama
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32).eval()
    llama = Llama(str(gguf_of(tiny, "f32", cache)), n_ctx=256, n_threads=1, verbose=False)
    tokenizer = tiny.tokenizer()
    for prompt in (PROMPT, "How do I", "import os\n"):
        ids = torch.tensor([tokenizer.encode(prompt).ids])
        out = model.generate(ids, max_new_tokens=16, do_sample=False, eos_token_id=None)
        expected = tokenizer.decode(out[0, ids.shape[1] :].tolist(), skip_special_tokens=False)
        assert llama(prompt, max_tokens=16, temperature=0)["choices"][0]["text"] == expected


def test_dropping_the_permutation_would_be_noticed(
    tiny, tmp_path, monkeypatch, llama_logits, reference_logits
):
    from pipeline.gguf import tensors as gguf_tensors

    monkeypatch.setattr(gguf_tensors, "interleave", lambda rows, heads: rows)
    ids = tiny.tokenizer().encode(f"{PROMPT} names. Raises an error if it is empty. " * 5).ids
    wrong = llama_logits(gguf_of(tiny, "f32", tmp_path), ids)
    right = reference_logits(tiny.folder, ids)
    assert np.abs(wrong - right).max() > 1
    assert (wrong.argmax(-1) != right.argmax(-1)).any()


def test_the_second_call_reads_the_cache(tiny, tmp_path):
    first = gguf_of(tiny, "f16", tmp_path)
    written = first.stat().st_mtime_ns
    assert gguf_of(tiny, "f16", tmp_path) == first
    assert first.stat().st_mtime_ns == written
    assert first.parent == tmp_path / "gguf"


@pytest.mark.parametrize("changed", ["config.json", "model.safetensors", "tokenizer_config.json"])
def test_other_content_is_another_file(changed, tiny, tmp_path, cache):
    folder = tmp_path / "base"
    shutil.copytree(tiny.folder, folder)
    same = gguf_of(Checkpoint.open(folder), "f32", cache)
    assert same == gguf_of(tiny, "f32", cache)
    if changed == "model.safetensors":
        tensors = load_file(folder / changed)
        tensors["model.norm.weight"] *= 2
        save_file(tensors, folder / changed)
    else:
        values = json.loads((folder / changed).read_text())
        (folder / changed).write_text(
            json.dumps(values | {"eos_token_id": 0, "eos_token": "<pad>"})
        )
    other = gguf_of(Checkpoint.open(folder), "f32", tmp_path)
    assert other.name != same.name


def test_interrupted_writing_leaves_no_file(tiny, tmp_path, monkeypatch):
    from pipeline.gguf import tensors as gguf_tensors

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf_tensors, "interleave", stop)
    with pytest.raises(KeyboardInterrupt):
        gguf_of(tiny, "f32", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_failed_quantising_leaves_no_file(tiny, tmp_path, monkeypatch):
    import llama_cpp

    def fail(source, target, params):
        with open(target, "wb") as file:
            file.write(b"half")
        return 1

    monkeypatch.setattr(llama_cpp, "llama_model_quantize", fail)
    with pytest.raises(UsageError, match="couldn't quantise"):
        gguf_of(tiny, "q8_0", tmp_path)
    assert [path.suffix for path in (tmp_path / "gguf").iterdir()] == [".gguf"]
    assert [path.name for path in (tmp_path / "gguf").glob("*f16.gguf")]


def test_unknown_precision(tiny, tmp_path):
    with pytest.raises(UsageError, match="use one of f32, f16, q8_0, q4_0, q4_k_m"):
        gguf_of(tiny, "int3", tmp_path)


def test_missing_llama_cpp_is_one_line_with_the_command(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "llama_cpp", None)
    with pytest.raises(UsageError, match="pip install llama-cpp-python") as caught:
        gguf_of(tiny, "q4_0", tmp_path)
    assert "\n" not in str(caught.value)
