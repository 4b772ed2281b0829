"""What the kernels are handed beside plain tensors, whoever computes."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pipeline.kernels.formats import WeightFormat
from pipeline.kernels.kv_pool import KvPool
from pipeline.kernels.memory import held
from pipeline.kernels.token_batch import TokenBatch

Activation = Literal["silu", "gelu_tanh"]
"""What a gate applies; `gelu_tanh` has tanh in place of the error function."""


@dataclass(frozen=True)
class Heads:
    """How attention divides its vectors.

    Attributes:
        queries: query heads.
        keys: key and value heads.
        width: of one head.
    """

    queries: int
    keys: int
    width: int


@dataclass(frozen=True)
class Turn:
    """Which of a position's angles turn a head.

    Number i and number i + pairs of it are the two parts of a complex number; what follows both
    halves stays as it is (a partial rotary embedding), and all of it where there are no pairs.

    Attributes:
        first: column of the angle of the first pair.
        pairs: how many are turned.
    """

    first: int
    pairs: int


@dataclass(frozen=True)
class Routing:
    """How the tokens of a layer find their experts.

    Where it is told which do, a row for each token holds the weights of the experts that it uses,
    the heaviest first; their numbers; the place of each where all that is sent to experts lies
    expert by expert; and what the shared expert's output is multiplied by.

    Attributes:
        experts: of the layer.
        used: of them by each token.
        normalised: the weights of those in use add up to 1, as those of all do otherwise.
    """

    experts: int
    used: int
    normalised: bool

    @property
    def columns(self) -> int:
        """Of such a row."""
        return 3 * self.used + 1


@dataclass(frozen=True, eq=False)
class HeadNorms:
    """RMS norms of single heads before they are turned (Qwen3).

    Attributes:
        query: weight, fp32 (head width,).
        key: the same for keys.
        epsilon: added to the mean square.
    """

    query: Tensor
    key: Tensor
    epsilon: float

    def __post_init__(self) -> None:
        """Once, for all the steps that will use them.

        Raises:
            ValueError: they aren't fp32, or of one width.
        """
        for each in (self.query, self.key):
            held(each, torch.float32, (self.query.numel(),))


@dataclass(frozen=True, eq=False)
class Activations:
    """The input of a matrix, for a whole batch: as it is, and as the matrix wants it.

    Attributes:
        format: of the matrices it meets.
        values: fp32 (M, K).
        packed: uint8, laid out by the kernels, or empty.
    """

    format: WeightFormat
    values: Tensor
    packed: Tensor


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What every layer of one forward pass shares.

    Attributes:
        batch: the tokens.
        cosines: of each position's angles, fp32 (positions, angles).
        sines: the same shape.
        pool: keys and values.
    """

    batch: TokenBatch
    cosines: Tensor
    sines: Tensor
    pool: KvPool
