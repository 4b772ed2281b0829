"""The input embedding in few bits: the output layer's own matrix where the two are one."""

from torch import Tensor

from pipeline.kernels.kernels import Kernels
from pipeline.kernels.layout import Matrix


class PackedEmbedding:
    """Looks rows up in a packed matrix.

    Attributes:
        nbytes: memory that it takes beside the output layer; none where that is the same matrix.
    """

    def __init__(self, table: Matrix, head: Matrix, kernels: Kernels) -> None:
        """Ready at once.

        Args:
            table: (vocabulary, hidden).
            head: the output layer, which may hold the same data.
            kernels: that packed them.
        """
        self._table, self._kernels = table, kernels
        self.nbytes = 0 if table.data is head.data else table.data.nbytes

    def __getitem__(self, tokens: Tensor) -> Tensor:
        """Rows (N, width) of N tokens, fp32."""
        return self._kernels.look_up(self._table, tokens)
