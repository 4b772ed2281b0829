"""A checkpoint's weights, packed for the kernels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.engines.multilora.embedding import Embedding
from pipeline.engines.multilora.settings import HEAD_PRECISION
from pipeline.engines.multilora.sites import SITES, module_of
from pipeline.engines.multilora.weights import Rows, stacked, vector
from pipeline.kernels.formats import FORMATS, PANEL, Precision, WeightFormat
from pipeline.kernels.kernels import HeadNorms, Kernels
from pipeline.kernels.layout import Matrix, panels
from pipeline.models.checkpoint import Checkpoint

ROWS_AT_ONCE = 16 * PANEL
"""Rows that are held in fp32 while a matrix is packed, so that a second copy never exists."""


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """The weights of one layer.

    Attributes:
        matrices: one a site, in the order of `SITES`.
        attention_norm: weight of the norm before attention.
        feed_forward_norm: weight of the norm before the feed-forward block.
        head_norms: norms of queries and keys, where the family has them.
    """

    matrices: tuple[Matrix, ...]
    attention_norm: Tensor
    feed_forward_norm: Tensor
    head_norms: HeadNorms | None


@dataclass(frozen=True, eq=False)
class PackedModel:
    """All weights of a decoder.

    Attributes:
        embedding: (vocabulary, hidden), in its file as the checkpoint stores it.
        layers: from the first to the last.
        final_norm: weight of the norm before the head.
        head: the matrix that gives the logits.
    """

    embedding: Embedding
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


def pack_checkpoint(checkpoint: Checkpoint, precision: Precision, kernels: Kernels) -> PackedModel:
    """Read and pack, a thousand rows at a time.

    Args:
        checkpoint: whose tensors are known to be those of its config.
        precision: of all but the output layer.
        kernels: that will read what is packed.
    """
    packer = _Packer(checkpoint, FORMATS[precision], kernels)
    head_packer = replace(packer, format=FORMATS[HEAD_PRECISION[precision]])
    weights, layers = checkpoint.weights, range(checkpoint.config.layers)
    return PackedModel(
        embedding=Embedding.open(weights.tensors[checkpoint.embedding]),
        layers=tuple(_layer(packer, index) for index in layers),
        final_norm=vector(weights, "model.norm.weight"),
        head=head_packer.matrix([checkpoint.head]),
    )


@dataclass(frozen=True, eq=False)
class _Packer:
    checkpoint: Checkpoint
    format: WeightFormat
    kernels: Kernels

    def matrix(self, names: Sequence[str]) -> Matrix:
        """One matrix of those tensors above one another, with their biases."""
        tensors = self.checkpoint.weights.tensors
        parts = [Rows(tensors[name]) for name in names]
        rows, columns = sum(part.shape[0] for part in parts), parts[0].shape[1]
        pieces = stacked(parts, ROWS_AT_ONCE)
        data = self.kernels.pack(pieces, rows, columns, self.format)
        return Matrix(self.format, rows, columns, data, self._bias(names, rows))

    def _bias(self, names: Sequence[str], rows: int) -> Tensor | None:
        weights = self.checkpoint.weights
        biases = [name.removesuffix("weight") + "bias" for name in names]
        if not any(name in weights for name in biases):
            return None
        padding = torch.zeros(panels(rows) * PANEL - rows)
        return torch.cat([*(vector(weights, name) for name in biases), padding])


def _layer(packer: _Packer, index: int) -> PackedLayer:
    weights, model = packer.checkpoint.weights, packer.checkpoint.config
    prefix = f"model.layers.{index}"
    names, norms = model.family.norms, None
    if model.head_norms:
        query, key = (vector(weights, f"{prefix}.self_attn.{name}.weight") for name in names.heads)
        norms = HeadNorms(query, key, model.epsilon)
    return PackedLayer(
        matrices=tuple(
            packer.matrix([f"{module_of(index, name)}.weight" for name in site]) for site in SITES
        ),
        attention_norm=vector(weights, f"{prefix}.{names.before_attention}.weight"),
        feed_forward_norm=vector(weights, f"{prefix}.{names.before_feed_forward}.weight"),
        head_norms=norms,
    )
