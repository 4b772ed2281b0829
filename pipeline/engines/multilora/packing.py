"""A checkpoint's weights, packed for the kernels."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.engines.multilora.embedding import Embedding
from pipeline.engines.multilora.packed_embedding import PackedEmbedding
from pipeline.engines.multilora.sites import QKV
from pipeline.engines.multilora.weight_cache import WeightCache, recipe
from pipeline.errors import UsageError
from pipeline.kernels.formats import (
    EDGE_PRECISION,
    PANEL,
    ActivationDtype,
    Precision,
    WeightFormat,
    weight_format,
)
from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix, panels
from pipeline.kernels.memory import lazy_bytes
from pipeline.kernels.operands import HeadNorms
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.dimensions import module
from pipeline.models.safetensors_file import as_tensor
from pipeline.models.safetensors_header import StoredTensor
from pipeline.models.weights import OpenWeights

ROWS_AT_ONCE = 16 * PANEL
"""Rows that are held in fp32 while a matrix is packed, so that a second copy never exists."""


@dataclass(frozen=True, eq=False)
class BlockNorms:
    """Weights of the norms of a layer's two blocks; None where the family has none."""

    before_attention: Tensor | None
    after_attention: Tensor | None
    before_feed_forward: Tensor | None
    after_feed_forward: Tensor | None


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """The weights of one layer.

    Attributes:
        matrices: one a site, in the order of computation.
        norms: of the two blocks' inputs, and of what they add.
        head_norms: norms of queries and keys, head by head, where the family has them.
        joint_norms: weights of those of all queries and of all keys, where it has these.
    """

    matrices: tuple[Matrix, ...]
    norms: BlockNorms
    head_norms: HeadNorms | None
    joint_norms: tuple[Tensor, Tensor] | None


@dataclass(frozen=True, eq=False)
class PackedModel:
    """All weights of a decoder.

    Attributes:
        embedding: (vocabulary, hidden): of floats in its file as the checkpoint stores it, else
            packed as the head is.
        layers: from the first to the last.
        final_norm: weight of the norm before the head.
        head: the matrix that gives the logits.
    """

    embedding: Embedding | PackedEmbedding
    layers: tuple[PackedLayer, ...]
    final_norm: Tensor
    head: Matrix

    @property
    def bytes(self) -> int:
        """Packed weights that a step reads."""
        matrices = [matrix for layer in self.layers for matrix in layer.matrices]
        return sum(matrix.bytes for matrix in [*matrices, self.head])

    @property
    def served_bytes(self) -> int:
        """All weights as they are served, the input embedding included."""
        return self.bytes + self.embedding.nbytes


def load_packed(
    checkpoint: Checkpoint,
    precision: Precision,
    kernels: Kernels,
    activations: ActivationDtype = "int16",
    cache: WeightCache | None = None,
) -> PackedModel:
    """The checkpoint's packed weights: read from the cache, or packed and kept there.

    Args:
        checkpoint: whose tensors are known to be those of its config.
        precision: of all but the matrices at either end.
        kernels: that will read what is packed.
        activations: what int8 weights will be multiplied by.
        cache: where packed weights are kept; None for nowhere. Floats never are: they are only put
            into another order, which takes no longer than reading them from there.
    """
    format = weight_format(precision, activations)
    edge = weight_format(EDGE_PRECISION[precision], activations)
    if cache is None or not format.scale_bits:
        return _pack(checkpoint, format, edge, kernels, {})
    made_of = recipe(checkpoint, (format, edge), kernels.backend)
    tensors = cache.read(made_of)
    found = len(tensors)
    model = _pack(checkpoint, format, edge, kernels, tensors)
    if len(tensors) > found and _still(checkpoint):
        cache.keep(made_of, tensors)
    return model


def _still(checkpoint: Checkpoint) -> bool:
    """Whether its files are what they were when they were hashed, before they were packed."""
    return Checkpoint.open(checkpoint.folder).fingerprint() == checkpoint.fingerprint()


def _pack(
    checkpoint: Checkpoint,
    format: WeightFormat,
    edge: WeightFormat,
    kernels: Kernels,
    tensors: dict[str, Tensor],
) -> PackedModel:
    model = checkpoint.config
    with checkpoint.weights.open() as opened, _torch_alone():
        packer = _Packer(opened, format, kernels, tensors)
        at_edge = replace(packer, format=edge)
        output = at_edge.matrix([checkpoint.head])
        return PackedModel(
            embedding=_embedding(at_edge, checkpoint.embedding, output),
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


@dataclass(frozen=True, eq=False)
class _Packer:
    """Reads what it packs, a few rows at a time, and keeps nothing of it.

    Attributes:
        weights: to be packed.
        format: of matrices.
        kernels: that pack.
        tensors: what is packed already, by name; what is packed now is put beside it.
    """

    weights: OpenWeights
    format: WeightFormat
    kernels: Kernels
    tensors: dict[str, Tensor]

    def matrix(self, names: Sequence[str]) -> Matrix:
        """One matrix of those tensors above one another, with their biases."""
        parts = [self.weights[name] for name in names]
        rows, columns = sum(part.shape[0] for part in parts), parts[0].shape[1]

        def packed() -> Tensor:
            return self.kernels.pack(self._stacked(parts), rows, columns, self.format)

        data = self._once(" ".join([self.format.name, *names]), packed)
        return Matrix(self.format, rows, columns, data, self._bias(names, rows))

    def vector(self, name: str) -> Tensor:
        """A small tensor, such as a norm's weight, fp32."""
        return self._once(name, lambda: self._numbers(self.weights[name]).float().clone())

    def norm(self, path: str, model: ModelConfig) -> Tensor:
        """The weights of a norm as it multiplies by them."""
        return self.vector(f"{path}.weight") + model.family.norms.shift

    def _once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = make()
        return self.tensors[name]

    def _bias(self, names: Sequence[str], rows: int) -> Tensor | None:
        biases = [name.removesuffix("weight") + "bias" for name in names]
        if not any(name in self.weights for name in biases):
            return None
        padding = torch.zeros(panels(rows) * PANEL - rows)
        return torch.cat([*map(self.vector, biases), padding])

    def _stacked(self, parts: Sequence[StoredTensor]) -> Iterator[Tensor]:
        """Tensors above one another, fp32, `ROWS_AT_ONCE` at a time; the last may be fewer.

        Each piece takes the place of the one before. That place isn't in the heap, where whatever
        is made in between would leave holes that no later piece fits.
        """
        columns, total = parts[0].shape[1], sum(part.shape[0] for part in parts)
        rows = min(ROWS_AT_ONCE, total)
        piece = lazy_bytes(4 * rows * columns).view(torch.float32).view(rows, columns)
        filled = 0
        for part in parts:
            start = 0
            while start < part.shape[0]:
                stop = min(part.shape[0], start + rows - filled)
                piece[filled : filled + stop - start] = self._numbers(part.rows(start, stop))
                filled, start = filled + stop - start, stop
                if filled == rows:
                    yield piece
                    filled = 0
        if filled:
            yield piece[:filled]

    def _numbers(self, stored: StoredTensor) -> Tensor:
        """As they are stored, in memory that is free again once the tensor is."""
        found = as_tensor(self.weights.read(stored))
        # Once packed into integers it could no longer be told. Needs no memory, unlike isfinite.
        if not all(extreme.isfinite() for extreme in found.aminmax()):
            raise UsageError(f"{stored.path}: {stored.name} holds NaN or infinity")
        return found


def _embedding(packer: _Packer, name: str, head: Matrix) -> Embedding | PackedEmbedding:
    """A tensor that is the head's too is packed but once."""
    if not packer.format.scale_bits:
        return Embedding.open(packer.weights[name])
    return PackedEmbedding(packer.matrix([name]), head, packer.kernels)


def _layer(packer: _Packer, at_edge: _Packer, index: int, model: ModelConfig) -> PackedLayer:
    prefix, names = f"model.layers.{index}", model.family.norms

    def norm(name: str | None) -> Tensor | None:
        return packer.norm(f"{prefix}.{name}", model) if name else None

    heads = None
    if names.query_heads and names.key_heads:
        inside = f"{prefix}.self_attn"
        query, key = names.query_heads, names.key_heads
        heads = packer.norm(f"{inside}.{query}", model), packer.norm(f"{inside}.{key}", model)
    return PackedLayer(
        matrices=tuple(
            (at_edge if (index, number) == (0, QKV) else packer).matrix(
                [f"{module(index, name)}.weight" for name in site]
            )
            for number, site in enumerate(model.family.sites)
        ),
        norms=BlockNorms(
            norm(names.before_attention),
            norm(names.after_attention),
            norm(names.before_feed_forward),
            norm(names.after_feed_forward),
        ),
        head_norms=None if heads is None or names.all_heads else HeadNorms(*heads, model.epsilon),
        joint_norms=heads if names.all_heads else None,
    )
