"""What a step of a Llama-like decoder computes, as a list of operations.

What another family computes beyond that is an operation more here, where its configuration says
so: see docs/families.md.
"""

from collections.abc import Iterator

from torch import Tensor

from pipeline.engines.multilora.expert_block import expert_block, expert_buffers, written
from pipeline.engines.multilora.packed_model import PackedLayer, PackedModel
from pipeline.engines.multilora.rotations import turn_of
from pipeline.engines.multilora.sites import DOWN, GATE_UP, OUTPUT, QKV, site_number
from pipeline.kernels.formats import PANEL, WeightFormat
from pipeline.kernels.layout import panels
from pipeline.kernels.operands import Activation, Heads
from pipeline.kernels.program import (
    AddLora,
    Attend,
    Buffer,
    Cap,
    Centre,
    Clip,
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

ACTIVATIONS: dict[str, Activation] = {"silu": "silu", "gelu_pytorch_tanh": "gelu_tanh"}
"""What a gate computes, by transformers' `hidden_act`."""


def record(shape: ModelConfig, model: PackedModel) -> Program:
    """The program of a model: all its layers, then the logits of the outputs."""
    return Program(
        buffers=_buffers(shape, model),
        operations=[
            *_centre("residual", shape),
            *(each for index in range(shape.layers) for each in _layer(index, shape, model)),
            *_head(shape, model),
        ],
        given="residual",
        result="logits",
        columns=shape.vocabulary,
    )


def _buffers(shape: ModelConfig, model: PackedModel) -> dict[str, Buffer]:
    first = model.layers[0].matrices
    reading = [each for layer in model.layers for each in _reading(layer)]
    return {
        **{_normed_for(each): Buffer(shape.hidden, each) for each in reading},
        **_buffers_of_blocks(shape, model),
        "residual": Buffer(shape.hidden),
        "qkv": written(first[QKV].rows),
        "attended": Buffer(shape.heads * shape.head_dim, first[OUTPUT].format),
        "delta": written(shape.hidden),
        "last": Buffer(shape.hidden, of_outputs=True),
        "last_delta": Buffer(shape.hidden, of_outputs=True),
        "last_normed": Buffer(shape.hidden, model.head.format, of_outputs=True),
        "logits": Buffer(panels(shape.vocabulary) * PANEL, of_outputs=True),
    }


def _reading(layer: PackedLayer) -> Iterator[WeightFormat]:
    """The formats of matrices that read a norm."""
    yield layer.matrices[QKV].format
    if layer.experts is not None:
        yield from (layer.experts.router.format, layer.experts.gate_up.format)
    else:
        yield layer.matrices[GATE_UP].format


def _buffers_of_blocks(shape: ModelConfig, model: PackedModel) -> dict[str, Buffer]:
    """Inside feed-forward blocks, of either kind."""
    format = model.layers[0].matrices[OUTPUT].format
    if all(layer.experts for layer in model.layers):
        return expert_buffers(shape, format)
    return expert_buffers(shape, format) | {
        "gate_up": written(2 * shape.intermediate),
        "gated": Buffer(shape.intermediate, format),
    }


def _normed_for(format: WeightFormat) -> str:
    """The buffer of a norm, packed for the matrices that read it.

    The first layer's queries, keys and values may be of another format than the rest, as is what
    scores experts.
    """
    return f"normed for {format.name}"


def _normed(layer: PackedLayer) -> str:
    """That which the feed-forward block reads, or the experts."""
    return _normed_for((layer.experts.gate_up if layer.experts else layer.matrices[GATE_UP]).format)


def _layer(index: int, shape: ModelConfig, model: PackedModel) -> Iterator[Operation]:
    """The last block's output is added to the residual where the next one takes its input."""
    layer, before = model.layers[index], "delta" if index else None
    norms, normed = layer.norms, _normed(layer)
    first = _normed_for(layer.matrices[QKV].format)
    yield Norm("residual", before, norms.before_attention, shape.epsilon, first)
    yield from _attention(index, shape, layer)
    yield from _added(shape, norms.after_attention)
    yield Norm("residual", "delta", norms.before_feed_forward, shape.epsilon, normed)
    activation = ACTIVATIONS[shape.activation]
    if shape.experts is not None and layer.experts is not None:
        # Scores are of the input as it is, whatever the experts' own matrices make of it.
        exact = _normed_for(layer.experts.router.format)
        if exact != normed:
            yield Norm("residual", None, norms.before_feed_forward, shape.epsilon, exact)
        site = site_number(index, 0, shape)
        yield from expert_block(shape.experts, layer.experts, normed, exact, activation, site)
    else:
        yield from _multiply(index, GATE_UP, shape, layer, normed, "gate_up")
        yield Gate("gate_up", "gated", activation)
        yield from _multiply(index, DOWN, shape, layer, "gated", "delta")
    yield from _added(shape, norms.after_feed_forward)


def _attention(index: int, shape: ModelConfig, layer: PackedLayer) -> Iterator[Operation]:
    heads, scales = Heads(shape.heads, shape.kv_heads, shape.head_dim), shape.scales
    normed = _normed_for(layer.matrices[QKV].format)
    yield from _multiply(index, QKV, shape, layer, normed, "qkv")
    if layer.joint_norms is not None:
        query, key = layer.joint_norms
        yield NormColumns("qkv", 0, query, shape.epsilon)
        yield NormColumns("qkv", shape.heads * shape.head_dim, key, shape.epsilon)
    if scales.clip_qkv is not None:
        yield Clip("qkv", layer.matrices[QKV].rows, scales.clip_qkv)
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
    yield from _multiply(index, OUTPUT, shape, layer, "attended", "delta")


def _added(shape: ModelConfig, norm: Tensor | None) -> Iterator[Operation]:
    """What becomes of a block's output before it is added."""
    if norm is not None:
        yield NormColumns("delta", 0, norm, shape.epsilon)
    yield from _scale("delta", shape.hidden, shape.scales.residual)
    yield from _centre("delta", shape)


def _centre(out: str, shape: ModelConfig) -> Iterator[Operation]:
    """Where norms are of what differs from the mean: a sum of centred rows is centred, too."""
    if shape.family.norms.centred:
        yield Centre(out, shape.hidden)


def _head(shape: ModelConfig, model: PackedModel) -> Iterator[Operation]:
    """Of the wanted rows alone; the last block's output is still to be added to them."""
    yield TakeOutputs("residual", "last")
    yield TakeOutputs("delta", "last_delta")
    yield Norm("last", "last_delta", model.final_norm, shape.epsilon, "last_normed")
    yield Linear("last_normed", model.head, "logits")
    yield AddLora("last_normed", site_number(shape.layers, 0, shape), "logits")
    yield from _scale("logits", shape.vocabulary, 1 / shape.scales.logits)
    if (cap := shape.scales.logits_cap) is not None:
        yield Cap("logits", shape.vocabulary, cap)


def _multiply(
    index: int, site: int, shape: ModelConfig, layer: PackedLayer, x: str, out: str
) -> Iterator[Operation]:
    yield Linear(x, layer.matrices[site], out)
    yield AddLora(x, site_number(index, site, shape), out)


def _scale(out: str, columns: int, factor: float) -> Iterator[Operation]:
    """In the families that have such a scale."""
    if factor != 1.0:
        yield Scale(out, columns, factor)
