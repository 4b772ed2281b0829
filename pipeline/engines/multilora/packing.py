"""Packing a checkpoint's weights for the kernels, or reading them from the cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from pipeline.engines.multilora.embedding import Embedding
from pipeline.engines.multilora.packed_embedding import PackedEmbedding
from pipeline.engines.multilora.packed_model import (
    BlockNorms,
    PackedExperts,
    PackedLayer,
    PackedModel,
)
from pipeline.engines.multilora.packer import Packer
from pipeline.engines.multilora.sites import GATE_UP, QKV
from pipeline.engines.multilora.weight_cache import WeightCache, recipe
from pipeline.kernels.formats import (
    EDGE_PRECISION,
    FORMATS,
    ActivationDtype,
    Precision,
    WeightFormat,
    weight_format,
)
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix
from pipeline.kernels.operands import HeadNorms
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.dimensions import module


def load_packed(
    checkpoint: Checkpoint,
    precision: Precision,
    kernels: Kernels,
    activations: ActivationDtype = "int16",
    cache: WeightCache | None = None,
    vocabulary: int = 0,
) -> PackedModel:
    """The checkpoint's packed weights: read from the cache, or packed and kept there.

    Args:
        checkpoint: whose tensors are known to be those of its config.
        precision: of all but the matrices at either end.
        kernels: that will read what is packed.
        activations: what int8 weights will be multiplied by.
        cache: where packed weights are kept; None for nowhere. Floats never are: they are only put
            into another order, which takes no longer than reading them from there.
        vocabulary: rows of both tables, at least; those that the checkpoint lacks are zeros.
    """
    format = weight_format(precision, activations)
    edge = weight_format(EDGE_PRECISION[precision], activations)
    if cache is None or not format.scale_bits:
        return _pack(checkpoint, format, edge, kernels, {}, vocabulary)
    rows = max(vocabulary, checkpoint.config.vocabulary)
    made_of = recipe(checkpoint, (format, edge), kernels.backend, rows)
    tensors = cache.read(made_of)
    found = len(tensors)
    model = _pack(checkpoint, format, edge, kernels, tensors, vocabulary)
    if len(tensors) > found and checkpoint.is_unchanged():
        cache.keep(made_of, tensors)
    return model


def with_longer_tables(
    model: PackedModel, checkpoint: Checkpoint, rows: int, packing: Kernels, kernels: Kernels
) -> PackedModel:
    """The same weights, but for tables of more rows, which are zeros.

    Args:
        model: packed from the checkpoint.
        checkpoint: whose tables are read and packed once more.
        rows: of both tables.
        packing: kernels that pack.
        kernels: that will read what is packed.
    """
    format = model.head.format
    with checkpoint.weights.open() as opened:
        packer = Packer(opened, format, packing, {})
        head = packer.matrix([checkpoint.head], rows)
        if not format.scale_bits:
            return replace(model, head=head)
        table = packer.matrix([checkpoint.embedding], rows)
        return replace(model, head=head, embedding=PackedEmbedding(table, head, kernels))


def _pack(
    checkpoint: Checkpoint,
    format: WeightFormat,
    edge: WeightFormat,
    kernels: Kernels,
    tensors: dict[str, Tensor],
    rows: int,
) -> PackedModel:
    model = checkpoint.config
    with checkpoint.weights.open() as opened, _torch_alone():
        packer = Packer(opened, format, kernels, tensors)
        at_edge = replace(packer, format=edge)
        output = at_edge.matrix([checkpoint.head], rows)
        return PackedModel(
            embedding=_embedding(at_edge, checkpoint.embedding, output, rows),
            layers=tuple(_layer(packer, at_edge, each, model) for each in range(model.layers)),
            final_norm=packer.norm("model.norm", model),
            head=output,
        )


@contextmanager
def _torch_alone() -> Iterator[None]:
    """Torch's own threads rest: on a few megabytes they wait for one another longer than they work.

    They would also keep spinning for a while on the processors that the kernels then pack on.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _embedding(packer: Packer, name: str, head: Matrix, rows: int) -> Embedding | PackedEmbedding:
    """A tensor that is the head's too is packed but once."""
    if not packer.format.scale_bits:
        return Embedding.open(packer.weights[name], packer.weights.opener)
    return PackedEmbedding(packer.matrix([name], rows), head, packer.kernels)


def _layer(packer: Packer, at_edge: Packer, index: int, model: ModelConfig) -> PackedLayer:
    prefix, names = f"model.layers.{index}", model.family.norms

    def norm(name: str | None) -> Tensor | None:
        return packer.norm(f"{prefix}.{name}", model) if name else None

    heads = None
    if names.query_heads and names.key_heads:
        inside = f"{prefix}.self_attn"
        query, key = names.query_heads, names.key_heads
        heads = packer.norm(f"{inside}.{query}", model), packer.norm(f"{inside}.{key}", model)
    sites = model.family.sites[: GATE_UP if model.has_experts(index) else None]
    return PackedLayer(
        matrices=tuple(
            (at_edge if (index, number) == (0, QKV) else packer).matrix(
                [f"{module(index, name)}.weight" for name in site]
            )
            for number, site in enumerate(sites)
        ),
        norms=BlockNorms(
            norm(names.before_attention),
            norm(names.after_attention),
            norm(names.before_feed_forward),
            norm(names.after_feed_forward),
        ),
        head_norms=None if heads is None or names.all_heads else HeadNorms(*heads, model.epsilon),
        joint_norms=heads if names.all_heads else None,
        experts=_experts(packer, index, model),
    )


def _experts(packer: Packer, index: int, model: ModelConfig) -> PackedExperts | None:
    if (its := model.experts) is None or not its.layers[index]:
        return None
    gate, up, down = its.keys.projections

    def stacked(*names: str) -> Matrix:
        return packer.stack(
            [[its.tensor(index, number, name) for name in names] for number in range(its.count)]
        )

    routers, shared = [its.router(index)], None
    if its.shared:
        *gate_up, last = its.shared_tensors(index)
        routers.append(its.shared_router(index))
        shared = packer.matrix(gate_up), packer.matrix([last])
    return PackedExperts(
        router=replace(packer, format=FORMATS["fp32"]).matrix(routers),
        gate_up=stacked(gate, up),
        down=stacked(down),
        shared=shared,
    )
