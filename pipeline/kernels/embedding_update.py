"""LoRA on the input embedding: to a token's row is added B times the token's own column of A."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class EmbeddingUpdate:
    """Of one adapter.

    Attributes:
        a: a row for each token, (vocabulary, rank).
        b: (rank, hidden), the scaling folded in.
    """

    a: Tensor
    b: Tensor

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.a.nbytes + self.b.nbytes

    def add_to(self, rows: Tensor, tokens: Tensor) -> None:
        """Add to the embedding's rows, fp32, what belongs to the tokens.

        Rank by rank, each number multiplied and added on its own, so that a row is the same to the
        bit whatever else is in the batch: a product of matrices promises no order.
        """
        factors = self.a[tokens.long()].float()
        for rank, row in enumerate(self.b.float()):
            product = torch.mul(factors[:, rank, None], row)
            rows.add_(product)
