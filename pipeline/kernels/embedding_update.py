"""What an adapter adds to the input embedding: to a token's row, B times its own column of A."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class EmbeddingUpdate:
    """Of one adapter.

    Attributes:
        a: a row for each token, (vocabulary, rank).
        b: (rank, hidden), the scaling folded in; None for the identity, where a row of A is added.
    """

    a: Tensor
    b: Tensor | None

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.a.nbytes + (0 if self.b is None else self.b.nbytes)

    def add_to(self, rows: Tensor, tokens: Tensor) -> None:
        """Add to the embedding's rows, fp32, what belongs to the tokens.

        Rank by rank, each number multiplied and added on its own, so that a row is the same to the
        bit whatever else is in the batch: a product of matrices promises no order.
        """
        factors = self.a[tokens.long()].float()
        if self.b is None:
            rows.add_(factors)
            return
        for rank, row in enumerate(self.b.float()):
            product = torch.mul(factors[:, rank, None], row)
            rows.add_(product)
