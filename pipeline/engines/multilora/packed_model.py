"""The weights of a decoder, packed for the kernels."""

from dataclasses import dataclass

from torch import Tensor

from pipeline.engines.multilora.embedding import Embedding
from pipeline.engines.multilora.packed_embedding import PackedEmbedding
from pipeline.kernels.layout import Matrix
from pipeline.kernels.operands import HeadNorms


@dataclass(frozen=True, eq=False)
class BlockNorms:
    """Weights of the norms of a layer's two blocks; None where the family has none."""

    before_attention: Tensor | None
    after_attention: Tensor | None
    before_feed_forward: Tensor | None
    after_feed_forward: Tensor | None


@dataclass(frozen=True, eq=False)
class PackedExperts:
    """The weights of a layer's experts.

    Attributes:
        router: in fp32 always, for scores that differ little decide who computes; its last row is
            the shared expert's.
        gate_up: of all experts above one another, each of whole panels.
        down: the same.
        shared: gate and up, and down, of the expert that every token uses, if there is one.
    """

    router: Matrix
    gate_up: Matrix
    down: Matrix
    shared: tuple[Matrix, Matrix] | None

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All of them."""
        return self.router, self.gate_up, self.down, *(self.shared or ())


@dataclass(frozen=True, eq=False)
class PackedLayer:
    """The weights of one layer.

    Attributes:
        matrices: one a site, in the order of computation; of a layer with experts those of its
            attention alone.
        norms: of the two blocks' inputs, and of what they add.
        head_norms: norms of queries and keys, head by head, where the family has them.
        joint_norms: weights of those of all queries and of all keys, where it has these.
        experts: in place of one feed-forward block.
    """

    matrices: tuple[Matrix, ...]
    norms: BlockNorms
    head_norms: HeadNorms | None
    joint_norms: tuple[Tensor, Tensor] | None
    experts: PackedExperts | None = None


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
        """Packed weights that a step reads, of experts those of all."""
        matrices = [matrix for layer in self.layers for matrix in layer.matrices]
        experts = [layer.experts for layer in self.layers if layer.experts is not None]
        matrices += [matrix for each in experts for matrix in each.matrices]
        return sum(matrix.bytes for matrix in [*matrices, self.head])

    @property
    def served_bytes(self) -> int:
        """All weights as they are served, the input embedding included."""
        return self.bytes + self.embedding.nbytes
