"""A checkpoint's weights, packed for the kernels."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.engines.multilora.embedding import Embedding
from pipeline.engines.multilora.kernels.kernels import HeadNorms, Kernels
from pipeline.engines.multilora.kernels.layout import PANEL, Matrix, panels
from pipeline.engines.multilora.kernels.precision import Precision
from pipeline.engines.multilora.sites import SITES, module_of
from pipeline.engines.multilora.weights import Weights, stacked
from pipeline.models.checkpoint import Checkpoint

ROWS_AT_ONCE = 16 * PANEL
"""Rows that are held in fp32 while a matrix is packed, so that a second copy never exists."""

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


@dataclass(frozen=True, eq=False)
class Layer:
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
class Model:
    """All weights of a decoder.

    Attributes:
        embedding: (vocabulary, hidden), in its file as the checkpoint stores it.
        layers: from the first to the last.
        final_norm: weight of the norm before the head.
        head: the matrix that gives the logits.
    """

    embedding: Embedding
    layers: tuple[Layer, ...]
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


HEAD_PRECISION: dict[Precision, Precision] = {"fp32": "fp32", "int8": "int8", "int4": "int8"}
"""Of the output layer: its errors reach the logits undamped, so it is never kept in 4 bits."""


def pack_checkpoint(
    checkpoint: Checkpoint, precision: Precision, epsilon: float, kernels: Kernels
) -> Model:
    """Read and pack, a thousand rows at a time.

    Raises:
        UsageError: a tensor is missing.
    """
    weights = Weights(checkpoint)
    packer = _Packer(weights, precision, kernels)
    head_packer = replace(packer, precision=HEAD_PRECISION[precision])
    layers = range(checkpoint.architecture.layers)
    return Model(
        embedding=Embedding.open(weights.rows(EMBEDDING)),
        layers=tuple(_layer(packer, index, epsilon) for index in layers),
        final_norm=weights.vector("model.norm.weight"),
        head=head_packer.matrix([EMBEDDING if _tied(checkpoint) else HEAD]),
    )


def _tied(checkpoint: Checkpoint) -> bool:
    """Whether the output layer is the embedding; by default it isn't, in any of our families."""
    config = json.loads((checkpoint.folder / "config.json").read_text("utf-8"))
    return bool(config.get("tie_word_embeddings", False))


@dataclass(frozen=True, eq=False)
class _Packer:
    weights: Weights
    precision: Precision
    kernels: Kernels

    def matrix(self, names: Sequence[str]) -> Matrix:
        """One matrix of those tensors above one another, with their biases."""
        parts = [self.weights.rows(name) for name in names]
        rows, columns = sum(part.shape[0] for part in parts), parts[0].shape[1]
        pieces = stacked(parts, ROWS_AT_ONCE)
        data = self.kernels.pack(pieces, rows, columns, self.precision)
        return Matrix(self.precision, rows, columns, data, self._bias(names, rows))

    def _bias(self, names: Sequence[str], rows: int) -> Tensor | None:
        biases = [name.removesuffix("weight") + "bias" for name in names]
        if not any(name in self.weights for name in biases):
            return None
        padding = torch.zeros(panels(rows) * PANEL - rows)
        return torch.cat([*map(self.weights.vector, biases), padding])


def _layer(packer: _Packer, index: int, epsilon: float) -> Layer:
    weights, prefix = packer.weights, f"model.layers.{index}"
    query_norm = f"{prefix}.self_attn.q_norm.weight"
    key_norm = f"{prefix}.self_attn.k_norm.weight"
    norms = None
    if query_norm in weights:
        norms = HeadNorms(weights.vector(query_norm), weights.vector(key_norm), epsilon)
    return Layer(
        matrices=tuple(
            packer.matrix([f"{module_of(index, name)}.weight" for name in site]) for site in SITES
        ),
        attention_norm=weights.vector(f"{prefix}.input_layernorm.weight"),
        feed_forward_norm=weights.vector(f"{prefix}.post_attention_layernorm.weight"),
        head_norms=norms,
    )
