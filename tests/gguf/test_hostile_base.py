"""GGUF files that are no model which can be served are refused in a line that says why."""

import gguf
import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.gguf.conversion import checkpoint_of
from pipeline.gguf.model import gguf_of
from pipeline.gguf.source import GgufModel


def edited(path, target, change):
    """The same file, its metadata and tensors as `change` leaves them."""
    reader = gguf.GGUFReader(path)
    fields = {
        key: (field.contents(), field.types[0], field.types[-1])
        for key, field in reader.fields.items()
        if not key.startswith("GGUF.")
    }
    tensors = {each.name: (each.data, each.tensor_type) for each in reader.tensors}
    change(fields, tensors)
    architecture = fields.pop("general.architecture", (None,))[0]
    writer = gguf.GGUFWriter(target, architecture)
    for key, (value, kind, sub) in fields.items():
        writer.add_key_value(key, value, kind, sub if kind == gguf.GGUFValueType.ARRAY else None)
    for name, (data, kind) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


U32, I32, F32, STRING, ARRAY = (
    getattr(gguf.GGUFValueType, each) for each in ("UINT32", "INT32", "FLOAT32", "STRING", "ARRAY")
)


def said(key, value, kind=U32):
    return lambda fields, tensors: fields.update({key: (value, kind, kind)})


def without(key):
    return lambda fields, tensors: (fields.pop(key, None), tensors.pop(key, None))


def widened(fields, tensors):
    data, kind = tensors["blk.0.attn_q.weight"]
    tensors["blk.0.attn_q.weight"] = (np.concatenate([data, data]), kind)


def shortened(fields, tensors):
    value, *kinds = fields["tokenizer.ggml.tokens"]
    fields["tokenizer.ggml.tokens"] = (value[:-5], *kinds)


def doubled(fields, tensors):
    value, *kinds = fields["tokenizer.ggml.tokens"]
    fields["tokenizer.ggml.tokens"] = ([*value[:-1], value[5]], *kinds)


def ternary(fields, tensors):
    tensors["blk.0.attn_v.weight"] = (
        gguf.quantize(np.zeros((128, 256), np.float32), gguf.GGMLQuantizationType.TQ1_0),
        gguf.GGMLQuantizationType.TQ1_0,
    )


def backwards(fields, tensors):
    fields["llama.rope.freq_base"] = (-3.0, F32, F32)
    tensors["rope_freqs.weight"] = (np.linspace(1, 8, 32, dtype=np.float32), 0)


def typeless(fields, tensors):
    value, *_ = fields["tokenizer.ggml.token_type"]
    fields["tokenizer.ggml.token_type"] = ([float("nan") for _ in value], ARRAY, F32)


def not_finite(fields, tensors):
    tensors["output_norm.weight"] = (np.full(256, np.nan, np.float32), 0)


HOSTILE = {
    "general.architecture is 'mamba'": said("general.architecture", "mamba", STRING),
    "general.type is 'adapter'": said("general.type", "adapter", STRING),
    "one of 3 parts of a file": said("split.count", 3),
    "llama.block_count is missing": without("llama.block_count"),
    "llama.attention.head_count is missing": without("llama.attention.head_count"),
    "llama.block_count is 4000000000": said("llama.block_count", 4_000_000_000),
    "block_count is 9000, and it holds 29 tensors": said("llama.block_count", 9000),
    "blk.3.attn_q.weight is missing": said("llama.block_count", 4),
    "llama.attention.head_count is 0, not a whole number": said("llama.attention.head_count", 0),
    "llama.rope.dimension_count is 32": said("llama.rope.dimension_count", 32),
    "llama.attention.head_count_kv differs from layer to layer": lambda fields, tensors: (
        fields.update({"llama.attention.head_count_kv": ([2, 2, 2], ARRAY, U32)})
    ),
    "llama.rope.freq_base is 'far'": said("llama.rope.freq_base", "far", STRING),
    "rope_freqs.weight aren't finite numbers": lambda fields, tensors: tensors.update(
        {"rope_freqs.weight": (np.zeros(32, np.float32), 0)}
    ),
    "rope_freqs.weight is of type i32": lambda fields, tensors: tensors.update(
        {"rope_freqs.weight": (np.ones(32, np.int32), gguf.GGMLQuantizationType.I32)}
    ),
    "rope.freq_base is -3.0, which gives no frequencies": backwards,
    "says llama.logit_scale": said("llama.logit_scale", 0.5, F32),
    "llama.rope.scaling.type is 'longrope'": said("llama.rope.scaling.type", "longrope", STRING),
    "no tensor token_embd.weight": without("token_embd.weight"),
    "blk.1.ffn_up.weight is missing": without("blk.1.ffn_up.weight"),
    "blk.0.attn_q.weight is (512, 256)": widened,
    "holds blk.0.attn_qkv.weight": lambda fields, tensors: tensors.update(
        {"blk.0.attn_qkv.weight": (np.zeros((4, 4), np.float32), 0)}
    ),
    "is of type tq1_0": ternary,
    "2043 tokens and 2048 types": shortened,
    "has two ids": doubled,
    "token_type are of another type": typeless,
    "no tokenizer.ggml.tokens": without("tokenizer.ggml.tokens"),
    "no tokenizer.ggml.merges": without("tokenizer.ggml.merges"),
    "tokenizer.ggml.model is 'bert'": said("tokenizer.ggml.model", "bert", STRING),
    "tokenizer.ggml.pre is 'command-r'": said("tokenizer.ggml.pre", "command-r", STRING),
    "tokenizer.ggml.eos_token_id is 5000": said("tokenizer.ggml.eos_token_id", 5000),
    "tokenizer.ggml.bos_token_id is -1": said("tokenizer.ggml.bos_token_id", -1, I32),
    "holds NaN or infinity": not_finite,
}


@pytest.mark.parametrize("message", HOSTILE)
def test_what_cannot_be_served_is_refused_in_a_line(message, q8, tmp_path):
    path = edited(q8, tmp_path / "it is.gguf", HOSTILE[message])
    with pytest.raises(UsageError) as refused:
        GgufModel(name="gguf", path=path, cache=tmp_path / "cache").preview()
    assert message in str(refused.value) and "\n" not in str(refused.value)
    left = [each.name for each in (tmp_path / "cache").rglob("*") if each.name.startswith(".")]
    assert left == []


@pytest.mark.parametrize("kept", [0, 3, 100, 60_000, 1_000_000])
def test_a_file_cut_short(kept, q8, tmp_path):
    (tmp_path / "it.gguf").write_bytes(q8.read_bytes()[:kept])
    with pytest.raises(UsageError, match=r"it\.gguf"):
        checkpoint_of(tmp_path / "it.gguf", tmp_path)


@pytest.mark.parametrize("name", ["🙂" * 60, "a b\n", ".", "-", "x" * 200])
def test_odd_names(name, q8, tmp_path):
    path = tmp_path / f"{name}.gguf"
    path.symlink_to(q8)
    found = GgufModel(name="gguf", path=path, cache=tmp_path / "a cache").preview()
    assert found.folder.is_dir() and found.folder.name.isascii()


def fewer(fields, tensors):
    data, kind = tensors["blk.1.ffn_up_exps.weight"]
    tensors["blk.1.ffn_up_exps.weight"] = (data[:-1], kind)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (said("llama.expert_count", 7), r"blk\.0\.ffn_gate_inp\.weight is \(5, 64\)"),
        (said("llama.expert_count", 10**6), "1000000 experts in each of 2 layers"),
        (said("llama.expert_count", 0), r"blk\.0\.ffn_gate\.weight is missing"),
        (said("llama.expert_used_count", 9), "num_experts_per_tok is 9, of 5 experts"),
        (said("llama.expert_group_count", 2), "llama.expert_group_count .* isn't known here"),
        (without("llama.expert_used_count"), "expert_used_count is missing"),
        (without("blk.1.ffn_down_exps.weight"), r"blk\.1\.ffn_down_exps\.weight is missing"),
        (fewer, r"blk\.1\.ffn_up_exps\.weight is \(4, 96, 64\)"),
    ],
)
def test_experts_that_dont_fit_are_refused_by_name(change, message, random_checkpoint, tmp_path):
    made = random_checkpoint("mixtral", num_local_experts=5)
    path = edited(gguf_of(made, "f32", tmp_path), tmp_path / "odd.gguf", change)
    with pytest.raises(UsageError, match=message) as refused:
        checkpoint_of(path, tmp_path)
    assert "\n" not in str(refused.value) and "odd.gguf" in str(refused.value)
