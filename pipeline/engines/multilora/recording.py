"""What a step of a Llama-like decoder computes, as a list of operations.

What another family computes beyond that is an operation more here, where its configuration says
so: see docs/families.md.
"""

from collections.abc import Iterator

from torch import Tensor

from pipeline.engines.multilora.packed_model import PackedLayer, PackedModel
from pipeline.engines.multilora.rotations import turn_of
from pipeline.engines.multilora.sites import DOWN, GATE_UP, OUTPUT, QKV
from pipeline.kernels.formats import PANEL
from pipeline.kernels.layout import panels
from pipeline.kernels.operands import Activation, Heads
from pipeline.kernels.program import (
    AddLora,
    Attend,
    Buffer,
    Cap,
    Gate,
    Linear,
    Norm,
    NormColumns,
    Operation,
    Program,
    RotateAndStore,
    Scale,
    TakeOutputs,
)
from pipeline.models.config import ModelConfig
from pipeline.models.family import SITES

ACTIVATIONS: dict[str, Activation] = {"silu": "silu", "gelu_pytorch_tanh": "gelu_tanh"}
"""What a gate computes, by transformers' `hidden_act`."""


def record(shape: ModelConfig, model: PackedModel) -> Program:
    """The program of a model: all its layers, then the logits of the outputs."""
    return Program(
        buffers=_buffers(shape, model),
        operations=[
            *(each for index in range(shape.layers) for each in _layer(index, shape, model)),
            *_head(shape, model),
        ],
        given="residual",
        result="logits",
        columns=shape.vocabulary,
    )


def _buffers(shape: ModelConfig, model: PackedModel) -> dict[str, Buffer]:
    queries = shape.heads * shape.head_dim
    matrices = model.layers[0].matrices

    def read_by(site: int, columns: int) -> Buffer:
        return Buffer(columns, matrices[site].format)

    def written_by(columns: int) -> Buffer:
        return Buffer(panels(columns) * PANEL)

    normed = {
        _normed(layer, site): Buffer(shape.hidden, layer.matrices[site].format)
        for layer in model.layers
        for site in (QKV, GATE_UP)
    }
    return normed | {
        "residual": Buffer(shape.hidden),
        "qkv": written_by(matrices[QKV].rows),
        "attended": read_by(OUTPUT, queries),
        "gate_up": written_by(2 * shape.intermediate),
        "gated": read_by(DOWN, shape.intermediate),
        "delta": written_by(shape.hidden),
        "last": Buffer(shape.hidden, of_outputs=True),
        "last_delta": Buffer(shape.hidden, of_outputs=True),
        "last_normed": Buffer(shape.hidden, model.head.format, of_outputs=True),
        "logits": Buffer(panels(shape.vocabulary) * PANEL, of_outputs=True),
    }


def _normed(layer: PackedLayer, site: int) -> str:
    """The buffer of a norm, packed for the matrix that reads it.

    The first layer's queries, keys and values may be of another format than the rest.
    """
    return f"normed for {layer.matrices[site].format.name}"


def _layer(index: int, shape: ModelConfig, model: PackedModel) -> Iterator[Operation]:
    """The last block's output is added to the residual where the next one takes its input."""
    layer, before = model.layers[index], "delta" if index else None
    norms, normed = layer.norms, _normed(layer, GATE_UP)
    yield Norm("residual", before, norms.before_attention, shape.epsilon, _normed(layer, QKV))
    yield from _attention(index, shape, layer)
    yield from _added(shape, norms.after_attention)
    yield Norm("residual", "delta", norms.before_feed_forward, shape.epsilon, normed)
    yield from _multiply(index, GATE_UP, layer, normed, "gate_up")
    yield Gate("gate_up", "gated", ACTIVATIONS[shape.activation])
    yield from _multiply(index, DOWN, layer, "gated", "delta")
    yield from _added(shape, norms.after_feed_forward)


def _attention(index: int, shape: ModelConfig, layer: PackedLayer) -> Iterator[Operation]:
    heads, scales = Heads(shape.heads, shape.kv_heads, shape.head_dim), shape.scales
    yield from _multiply(index, QKV, layer, _normed(layer, QKV), "qkv")
    if layer.joint_norms is not None:
        query, key = layer.joint_norms
        yield NormColumns("qkv", 0, query, shape.epsilon)
        yield NormColumns("qkv", shape.heads * shape.head_dim, key, shape.epsilon)
    yield RotateAndStore("qkv", index, heads, layer.head_norms, turn_of(index, shape))
    yield Attend(
        "qkv",
        index,
        heads,
        shape.windows[index],
        "attended",
        scales.attention,
        scales.attention_cap,
    )
    yield from _multiply(index, OUTPUT, layer, "attended", "delta")


def _added(shape: ModelConfig, norm: Tensor | None) -> Iterator[Operation]:
    """What becomes of a block's output before it is added."""
    if norm is not None:
        yield NormColumns("delta", 0, norm, shape.epsilon)
    yield from _scale("delta", shape.hidden, shape.scales.residual)


def _head(shape: ModelConfig, model: PackedModel) -> Iterator[Operation]:
    """Of the wanted rows alone; the last block's output is still to be added to them."""
    yield TakeOutputs("residual", "last")
    yield TakeOutputs("delta", "last_delta")
    yield Norm("last", "last_delta", model.final_norm, shape.epsilon, "last_normed")
    yield Linear("last_normed", model.head, "logits")
    yield AddLora("last_normed", shape.layers * len(SITES), "logits")
    yield from _scale("logits", shape.vocabulary, 1 / shape.scales.logits)
    if (cap := shape.scales.logits_cap) is not None:
        yield Cap("logits", shape.vocabulary, cap)


def _multiply(index: int, site: int, layer: PackedLayer, x: str, out: str) -> Iterator[Operation]:
    yield Linear(x, layer.matrices[site], out)
    yield AddLora(x, index * len(SITES) + site, out)


def _scale(out: str, columns: int, factor: float) -> Iterator[Operation]:
    """In the families that have such a scale."""
    if factor != 1.0:
        yield Scale(out, columns, factor)
