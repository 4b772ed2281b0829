"""What a step computes, as data: operations in their order, and the buffers between them.

A program is recorded once a model. Every kind of kernels executes the same list: the native ones
in one call a step, the reference operation by operation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from pipeline.kernels.formats import WeightFormat
from pipeline.kernels.layout import Matrix
from pipeline.kernels.operands import Activation, HeadNorms, Heads, Routing, Turn


@dataclass(frozen=True)
class Buffer:
    """What operations read and write: rows for each token of a step, or for each output.

    Attributes:
        columns: fp32 numbers of a row; whole panels where a matrix writes it.
        format: of the matrices that read it; None where none does.
        of_outputs: whether it has rows for each output.
        times: how many for each.
    """

    columns: int
    format: WeightFormat | None = None
    of_outputs: bool = False
    times: int = 1


@dataclass(frozen=True, eq=False)
class Norm:
    """Adds `added`, if any, to `x`; `out` becomes its RMS norm, or without a weight `x` itself."""

    x: str
    added: str | None
    weight: Tensor | None
    epsilon: float
    out: str


@dataclass(frozen=True, eq=False)
class Linear:
    """`out` becomes `x` times the matrix, plus its bias."""

    x: str
    matrix: Matrix
    out: str


@dataclass(frozen=True, eq=False)
class AddLora:
    """Adds to `out` what each token's adapter makes of `x`, and transforms the sum's columns.

    `site` counts the sites of all layers, and the output layer's after them.
    """

    x: str
    site: int
    out: str


@dataclass(frozen=True, eq=False)
class RotateAndStore:
    """Turns the queries and keys of `x` by their positions; puts keys and values into the pool."""

    x: str
    layer: int
    heads: Heads
    norms: HeadNorms | None
    turn: Turn


@dataclass(frozen=True, eq=False)
class Attend:
    """`out` becomes each token's attention over its sequence, or over a window of it.

    `x` has its queries. Scores are their products with keys times `scale`, which is 1 / √width
    if it is None, and then limit · tanh(score / limit), if there is a limit.
    """

    x: str
    layer: int
    heads: Heads
    window: int | None
    out: str
    scale: float | None = None
    limit: float | None = None


@dataclass(frozen=True, eq=False)
class Gate:
    """`out` becomes an activation of the first columns of `x` times as many that follow."""

    x: str
    out: str
    activation: Activation = "silu"


@dataclass(frozen=True, eq=False)
class Scale:
    """Multiplies the first `columns` of `out`."""

    out: str
    columns: int
    factor: float


@dataclass(frozen=True, eq=False)
class Cap:
    """`out` becomes limit · tanh(out / limit), in its first `columns`."""

    out: str
    columns: int
    limit: float


@dataclass(frozen=True, eq=False)
class Clip:
    """The first `columns` of `out` become the nearest numbers from -limit to limit."""

    out: str
    columns: int
    limit: float


@dataclass(frozen=True, eq=False)
class Centre:
    """Subtracts from the first `columns` of `out` their mean."""

    out: str
    columns: int


@dataclass(frozen=True, eq=False)
class NormColumns:
    """The columns of `out` from `first` on, as many as `weight` has, become their RMS norm."""

    out: str
    first: int
    weight: Tensor
    epsilon: float


@dataclass(frozen=True, eq=False)
class Route:
    """`out` becomes which experts each token uses, by the scores in `x`; see `Routing`.

    A column after those of the experts is the shared one's, whose output is multiplied by its
    sigmoid.
    """

    x: str
    routing: Routing
    out: str


@dataclass(frozen=True, eq=False)
class Dispatch:
    """`out` becomes the rows of `x`, packed alone, for each expert in use: expert by expert."""

    x: str
    routes: str
    routing: Routing
    out: str


@dataclass(frozen=True, eq=False)
class ExpertLinear:
    """`out` becomes `x` times the matrices of its experts.

    These are one matrix of them all above one another, each of whole panels.
    """

    x: str
    routes: str
    routing: Routing
    matrix: Matrix
    out: str


@dataclass(frozen=True, eq=False)
class AddExpertLora:
    """Adds to `out` what the adapter of each place's token makes, for its expert, of `x`.

    `x` has a row for each place where it is `dispatched`, as `out` has, and else for each token.
    """

    x: str
    routes: str
    routing: Routing
    site: int
    out: str
    dispatched: bool


@dataclass(frozen=True, eq=False)
class Combine:
    """`out` becomes the sum by weight of what a token's experts made.

    `added` has what the shared one made, if there is one.
    """

    x: str
    routes: str
    routing: Routing
    added: str | None
    out: str


@dataclass(frozen=True, eq=False)
class TakeOutputs:
    """`out` becomes the rows of `x` that are outputs of the step."""

    x: str
    out: str


Operation = (
    Norm
    | Linear
    | AddLora
    | RotateAndStore
    | Attend
    | Gate
    | Scale
    | Cap
    | Clip
    | Centre
    | NormColumns
    | Route
    | Dispatch
    | ExpertLinear
    | AddExpertLora
    | Combine
    | TakeOutputs
)


@dataclass(frozen=True, eq=False)
class Program:
    """What one step computes.

    Attributes:
        buffers: by the name that operations use.
        operations: in the order of computation.
        given: the buffer that is filled before the first of them.
        result: the buffer that is read after the last, which has a row for each output.
        columns: of the result, that are read.
    """

    buffers: Mapping[str, Buffer]
    operations: Sequence[Operation]
    given: str
    result: str
    columns: int
