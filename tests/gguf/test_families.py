"""Small random models of every family, and what llama.cpp has no equal of."""

import json

import gguf
import numpy as np
import pytest
from transformers.activations import ACT2FN

from pipeline.errors import UsageError
from pipeline.gguf.model import gguf_of
from pipeline.gguf.quantise import stand_ins
from pipeline.models.checkpoint import Checkpoint

IDS = [5, 900, 31, 77, 2047, 300, 12, 12, 640, 1001, 3, 88, 90, 1500, 42, 7]
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 500.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
LINEAR = {"rope_type": "linear", "rope_theta": 777.0, "factor": 3.0}
MULTIPLIERS = {
    **{"embedding_multiplier": 12.0, "attention_multiplier": 0.4},
    **{"residual_multiplier": 0.22, "logits_scaling": 0.125},
}
LONGROPE = {
    **{"rope_type": "longrope", "rope_theta": 500.0},
    **{"short_factor": [1.0, 1.2, 1.5, 2.0], "long_factor": [2.0, 3.0, 4.0, 5.0]},
}
LONGROPE4 = {**LONGROPE, "short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
DEFAULT = {"rope_type": "default", "rope_theta": 300.0}
GEMMA = {"head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 5}
MOE = {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 40}
MODELS = {
    "llama untied": ("llama", {}),
    "llama tied": ("llama", {"tie_word_embeddings": True}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama wide heads": ("llama", {"head_dim": 32}),
    "llama eps": ("llama", {"rms_norm_eps": 0.1}),
    "llama theta": ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 123.0}}),
    "llama linear rope": ("llama", {"rope_parameters": LINEAR}),
    "llama llama3 rope": ("llama", {"rope_parameters": LLAMA3}),
    "llama yarn rope": ("llama", {"rope_parameters": YARN}),
    "llama bf16": ("llama", {"dtype": "bfloat16"}),
    "mistral": ("mistral", {}),
    "mistral wide heads": ("mistral", {"head_dim": 32, "sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen2 tied": ("qwen2", {"tie_word_embeddings": True}),
    "qwen2 yarn rope": ("qwen2", {"rope_parameters": YARN}),
    "qwen3": ("qwen3", {"head_dim": 32}),
    "qwen3 with biases": ("qwen3", {"head_dim": 16, "attention_bias": True}),
    "smollm3": ("smollm3", {"num_hidden_layers": 4}),
    "granite": ("granite", {**MULTIPLIERS, "attention_bias": True, "mlp_bias": True}),
    "phi3": ("phi3", {}),
    "phi3 in part, longrope": (
        "phi3",
        {
            **{"partial_rotary_factor": 0.5, "rope_parameters": LONGROPE},
            **{"original_max_position_embeddings": 128, "tie_word_embeddings": True},
        },
    ),
    "gemma2": ("gemma2", GEMMA | {"attn_logit_softcapping": 8.0}),
    "gemma3": ("gemma3_text", GEMMA | {"num_hidden_layers": 6}),
    "gemma3, linear rope": (
        "gemma3_text",
        {
            **GEMMA,
            "rope_parameters": {"full_attention": LINEAR, "sliding_attention": DEFAULT},
        },
    ),
    "olmo": ("olmo", {"num_key_value_heads": 4}),
    "olmo, clipped": ("olmo", {"clip_qkv": 0.3}),
    "olmo2": ("olmo2", {}),
    "mixtral": ("mixtral", {"num_local_experts": 5, "num_experts_per_tok": 3}),
    "qwen3_moe": ("qwen3_moe", MOE | {"head_dim": 32, "norm_topk_prob": True}),
    "qwen2_moe": ("qwen2_moe", MOE | {"shared_expert_intermediate_size": 72}),
    "olmoe": ("olmoe", MOE | {"num_key_value_heads": 4}),
    "olmo2 tied": ("olmo2", {"tie_word_embeddings": True, "num_key_value_heads": 4}),
}


def as_ggml_looks_it_up():
    """ggml has GELU in a table of fp16."""
    import torch

    class Table(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.gelu(x.half().float(), approximate="tanh").half().float()

    return Table()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "qwen3 with biases"])
def test_logits_are_those_of_transformers(
    name, random_checkpoint, tmp_path, llama_logits, reference_logits, monkeypatch
):
    family, values = MODELS[name]
    checkpoint = random_checkpoint(family, **values)
    logits = llama_logits(gguf_of(checkpoint, "f32", tmp_path), IDS)
    if checkpoint.config.activation == "gelu_pytorch_tanh":
        monkeypatch.setitem(ACT2FN, "gelu_pytorch_tanh", as_ggml_looks_it_up)
    expected = reference_logits(checkpoint.folder, IDS)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def test_biases_are_moved_with_their_rows(random_checkpoint, tmp_path):
    checkpoint = random_checkpoint("qwen2")
    tensors = {
        each.name: each for each in gguf.GGUFReader(gguf_of(checkpoint, "f16", tmp_path)).tensors
    }
    assert tensors["blk.0.attn_q.bias"].tensor_type.name == "F32"
    assert tensors["blk.0.attn_q.bias"].shape.tolist() == [64]
    assert tensors["output.weight"].tensor_type.name == "F16"


def test_a_sliding_window_bounds_the_context(random_checkpoint, tmp_path):
    path = gguf_of(random_checkpoint("mistral", sliding_window=100), "f32", tmp_path)
    assert gguf.GGUFReader(path).fields["llama.context_length"].contents() == 100


def test_shards_are_read_through_their_index(random_checkpoint, tmp_path):
    from transformers import AutoModelForCausalLM

    whole = random_checkpoint("llama")
    model = AutoModelForCausalLM.from_pretrained(whole.folder)
    folder = tmp_path / "sharded"
    model.save_pretrained(folder, max_shard_size="200KB")
    assert len([*folder.glob("*.safetensors")]) > 1
    (folder / "consolidated.safetensors").write_bytes(b"not read")
    (folder / "tokenizer.json").write_bytes((whole.folder / "tokenizer.json").read_bytes())
    one, other = (
        gguf.GGUFReader(gguf_of(Checkpoint.open(each), "f32", tmp_path))
        for each in (whole.folder, folder)
    )
    assert [each.name for each in one.tensors] == [each.name for each in other.tensors]
    for a, b in zip(one.tensors, other.tensors, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize(
    ("family", "values", "message"),
    [
        ("llama", {"hidden_act": "gelu"}, "'gelu'"),
        ("qwen2", {"rope_parameters": LLAMA3}, "rope_type 'llama3'"),
        ("llama", {"rope_parameters": LINEAR | {"rope_type": "dynamic"}}, "rope_type 'dynamic'"),
        ("llama", {"rope_parameters": YARN | {"attention_factor": 2.0}}, "attention_factor"),
        ("qwen3", {"head_dim": 16, "attention_bias": True}, "o_proj.bias"),
        ("smollm3", {"no_rope_layer_interval": 2}, "turns all but one of every 4"),
        ("granite", {"residual_multiplier": 0.0}, "residual scaled by 0"),
        ("granite", {"rope_parameters": LONGROPE4}, "rope_type 'longrope'"),
        ("gemma2", GEMMA | {"attn_logit_softcapping": None}, "no attention_cap"),
        ("gemma2", GEMMA | {"query_pre_attn_scalar": 64}, "attention 0.125: llama.cpp's gemma2"),
        (
            "gemma2",
            GEMMA | {"layer_types": ["full_attention", "sliding_attention"]},
            "one of every 2",
        ),
        ("gemma2", GEMMA | {"tie_word_embeddings": False}, "tie_word_embeddings"),
        ("gemma3_text", GEMMA | {"final_logit_softcapping": 9.0}, "logits_cap 9.0"),
        (
            "gemma3_text",
            GEMMA | {"rope_parameters": {"sliding_attention": LINEAR}},
            "beside linear",
        ),
        ("olmo2", {"hidden_act": "gelu"}, "'gelu'"),
        ("olmoe", MOE, "4 query heads share 2"),
        ("olmoe", MOE | {"num_key_value_heads": 4, "norm_topk_prob": True}, "norm_topk_prob"),
        ("olmoe", MOE | {"num_key_value_heads": 4, "clip_qkv": 8.0}, "clip_qkv 8.0"),
        ("qwen3_moe", MOE, "norm_topk_prob"),
        ("qwen3_moe", MOE | {"norm_topk_prob": True, "decoder_sparse_step": 2}, "experts in all"),
    ],
)
def test_what_has_no_equal_is_refused_in_one_line(
    family, values, message, random_checkpoint, tmp_path
):
    with pytest.raises(UsageError, match=message) as caught:
        gguf_of(random_checkpoint(family, **values), "f32", tmp_path)
    assert "\n" not in str(caught.value)
    assert not [*tmp_path.rglob("*.gguf")]


def test_values_beyond_float16_are_refused(random_checkpoint, tmp_path):
    from safetensors.torch import load_file, save_file

    checkpoint = random_checkpoint("llama", dtype="bfloat16")
    tensors = load_file(checkpoint.folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][0, 0] = 1e6
    save_file(tensors, checkpoint.folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        UsageError, match=r"up_proj.weight holds .* 65504.* use engine.precision=f32"
    ):
        gguf_of(checkpoint, "f16", tmp_path)
    gguf_of(checkpoint, "f32", tmp_path)


@pytest.mark.parametrize("change", ["missing", "shape", "extra", "integer"])
def test_tensors_that_dont_fit_are_refused(change, random_checkpoint, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    checkpoint = random_checkpoint("llama")
    tensors = load_file(checkpoint.folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    if change == "missing":
        del tensors[name]
    elif change == "shape":
        tensors[name] = tensors[name][:-1].contiguous()
    elif change == "extra":
        name = "model.layers.1.mlp.gate.weight"
        tensors[name] = torch.zeros(2, 2)
    else:
        tensors[name] = tensors[name].to(torch.int8)
    save_file(tensors, checkpoint.folder / "model.safetensors")
    with pytest.raises(UsageError, match=name):
        gguf_of(Checkpoint.open(checkpoint.folder), "f32", tmp_path)


def test_quantised_checkpoints_are_refused(random_checkpoint, tmp_path):
    checkpoint = random_checkpoint("llama")
    path = checkpoint.folder / "config.json"
    values = json.loads(path.read_text()) | {"quantization_config": {"quant_method": "gptq"}}
    path.write_text(json.dumps(values))
    with pytest.raises(UsageError, match="quantised already"):
        gguf_of(Checkpoint.open(checkpoint.folder), "f32", tmp_path)


@pytest.mark.parametrize(
    ("width", "precision", "alternatives"),
    [(48, "q4_k_m", "f16"), (48, "q4_0", "f16"), (48, "q8_0", "f16")],
)
def test_widths_that_dont_fit_a_block_are_refused(
    width, precision, alternatives, random_checkpoint, tmp_path
):
    checkpoint = random_checkpoint("llama", hidden_size=width, intermediate_size=512)
    with pytest.raises(UsageError, match=f"{width}; use {alternatives}$"):
        gguf_of(checkpoint, precision, tmp_path)


def test_rows_that_256_doesnt_divide_are_of_other_types_which_are_named(
    random_checkpoint, tmp_path
):
    checkpoint = random_checkpoint("llama", hidden_size=96, intermediate_size=512)
    path = gguf_of(checkpoint, "q4_k_m", tmp_path)
    types = {each.name: each.tensor_type.name for each in gguf.GGUFReader(path).tensors}
    assert types["blk.0.attn_q.weight"] == "Q5_0" and types["output.weight"] == "Q8_0"
    assert types["blk.0.ffn_down.weight"] in ("Q4_K", "Q6_K")
    said = stand_ins(path, "q4_k_m")
    assert said.startswith("q4_k_m doesn't fit rows of 96, which 256 doesn't divide")
    assert "of 16 matrices llama.cpp stores 14 as other types (q5_0 " in said
    assert stand_ins(gguf_of(checkpoint, "q8_0", tmp_path), "q8_0") is None


def test_the_output_layer_of_an_untied_model_has_more_bits(random_checkpoint, tmp_path):
    shape = {"hidden_size": 256, "intermediate_size": 256}
    checkpoint = random_checkpoint("llama", dtype="float16", **shape)
    for precision, own in (("q8_0", "Q8_0"), ("q4_0", "Q4_0"), ("q4_k_m", "Q4_K")):
        path = gguf_of(checkpoint, precision, tmp_path)
        types = {each.name: each.tensor_type.name for each in gguf.GGUFReader(path).tensors}
        assert types["token_embd.weight"] == own
        assert types["output.weight"] == ("Q8_0" if precision == "q8_0" else "Q6_K")


def test_quantising_starts_from_all_the_weights_bits(random_checkpoint, tmp_path):
    gguf_of(random_checkpoint("llama", dtype="bfloat16", intermediate_size=128), "q8_0", tmp_path)
    assert {path.stem.rsplit("-", 1)[1] for path in tmp_path.rglob("*.gguf")} == {"f32", "q8_0"}
