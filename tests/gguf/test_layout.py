"""Pairs instead of halves: the order of rows in which llama.cpp's Llama rotates."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gguf.layout import TensorNames, interleave, rotated_heads
from pipeline.models.config import ModelConfig
from pipeline.models.families import FAMILIES

sizes = st.integers(1, 5)


def architecture(family="llama"):
    return ModelConfig(FAMILIES[family], 64, 96, 2, 4, 2, 16, 512, 128)


def rotate_halves(x, angles):
    """transformers' way: row i with row i + h."""
    first, second = np.split(x, 2)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin])


def rotate_pairs(x, angles):
    """llama.cpp's way: row 2i with row 2i + 1."""
    first, second = x[0::2], x[1::2]
    cos, sin = np.cos(angles), np.sin(angles)
    turned = np.empty_like(x)
    turned[0::2], turned[1::2] = first * cos - second * sin, second * cos + first * sin
    return turned


@given(sizes, sizes, sizes)
def test_halves_become_pairs_head_by_head(heads, half, width):
    rows = torch.arange(heads * 2 * half * width).reshape(heads * 2 * half, width)
    moved = interleave(rows, heads).reshape(heads, 2 * half, width)
    whole = rows.reshape(heads, 2 * half, width)
    assert moved[:, 0::2].equal(whole[:, :half])
    assert moved[:, 1::2].equal(whole[:, half:])


@given(sizes, sizes)
def test_it_can_be_undone(heads, half):
    rows = torch.arange(heads * 2 * half)
    undone = interleave(rows, heads).reshape(heads, half, 2).transpose(1, 2).reshape(rows.shape)
    assert undone.equal(rows)


@given(sizes, sizes, st.integers(0, 9), st.integers(0, 9))
def test_attention_is_the_same_either_way(heads, half, position, other):
    rng = np.random.default_rng(half)
    q, k = (torch.from_numpy(rng.normal(size=heads * 2 * half)) for _ in range(2))
    angles = 10.0 ** -np.arange(half)
    halves = [
        rotate_halves(a, position * angles) @ rotate_halves(b, other * angles)
        for a, b in zip(q.numpy().reshape(heads, -1), k.numpy().reshape(heads, -1), strict=True)
    ]
    moved_q, moved_k = (interleave(each, heads).numpy().reshape(heads, -1) for each in (q, k))
    pairs = [
        rotate_pairs(a, position * angles) @ rotate_pairs(b, other * angles)
        for a, b in zip(moved_q, moved_k, strict=True)
    ]
    np.testing.assert_allclose(pairs, halves, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("model.layers.1.self_attn.q_proj.weight", 4),
        ("model.layers.1.self_attn.k_proj.bias", 2),
        ("model.layers.1.self_attn.k_proj", 2),
        ("model.layers.1.self_attn.v_proj.weight", None),
        ("model.layers.1.self_attn.q_norm.weight", None),
    ],
)
def test_only_queries_and_keys_of_llama_are_moved(name, heads):
    assert rotated_heads(name, architecture("llama")) == heads
    assert rotated_heads(name, architecture("mistral")) == heads
    assert rotated_heads(name, architecture("qwen2")) is None
    assert rotated_heads(name, architecture("qwen3")) is None


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_names(family):
    names = TensorNames(architecture(family))
    expected = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.layers.0.input_layernorm.weight": "blk.0.attn_norm.weight",
        "model.layers.1.self_attn.q_proj.weight": "blk.1.attn_q.weight",
        "model.layers.1.self_attn.k_proj.bias": "blk.1.attn_k.bias",
        "model.layers.1.self_attn.v_proj.weight": "blk.1.attn_v.weight",
        "model.layers.1.self_attn.o_proj.weight": "blk.1.attn_output.weight",
        "model.layers.1.post_attention_layernorm.weight": "blk.1.ffn_norm.weight",
        "model.layers.1.mlp.gate_proj.weight": "blk.1.ffn_gate.weight",
        "model.layers.1.mlp.up_proj.weight": "blk.1.ffn_up.weight",
        "model.layers.1.mlp.down_proj.weight": "blk.1.ffn_down.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    assert {name: names[name] for name in expected} == expected
    for unknown in ("model.layers.2.mlp.up_proj.weight", "vision.weight"):
        with pytest.raises(KeyError):
            names[unknown]
