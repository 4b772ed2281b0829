"""Where a step's time goes, by kind of operation, each beside its own bound."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from pipeline.kernels import program as operations
from pipeline.kernels.program import Operation
from pipeline.kernels.step_times import OperationTime

MATRICES = {
    ("qkv", False): "q, k, v",
    ("delta", True): "o",
    ("gate_up", False): "gate, up",
    ("delta", False): "down",
    ("logits", False): "output layer",
}
"""By the buffer that a matrix writes, and whether it reads what attention made."""

OTHERS: dict[type, str] = {
    operations.AddLora: "adapters",
    operations.Attend: "attention",
    operations.RotateAndStore: "rotary, storing",
    operations.Norm: "norms",
    operations.NormColumns: "norms",
    operations.Gate: "gate",
}
BETWEEN = "between"
"""Whatever else, such as taking the rows that are outputs."""


@dataclass(frozen=True)
class Work:
    """What a mean step has to do.

    Attributes:
        tokens: of the step.
        outputs: tokens whose logits are wanted.
        positions: whose keys and values are read, over all sequences.
        pairs: of a token and a position that it attends to.
        position_bytes: of keys and values, of a position in a layer.
        adapter_bytes: of the adapters of the step.
        adapter_products: of each token with its adapter's numbers.
    """

    tokens: int
    outputs: int
    positions: float
    pairs: float
    position_bytes: float
    adapter_bytes: float
    adapter_products: float


@dataclass(frozen=True)
class Cost:
    """What must be read, and multiplied in numbers of so many bits."""

    bytes: float = 0.0
    products: float = 0.0
    bits: int = 32

    def bound_s(self, read: float, products: Mapping[int, float]) -> float:
        """Seconds that it takes at least, of what the machine reads and multiplies in one."""
        return max(self.bytes / read, self.products / products[self.bits])

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.bytes + other.bytes,
            self.products + other.products,
            min(self.bits, other.bits),
        )


@dataclass
class TimeShare:
    """A kind of operation.

    Attributes:
        name: as tables call it.
        wall_s: of a step.
        worked_s: of all threads of a step.
        bound_s: that they take at least, where they have to read from memory or to multiply.
        cost: what of.
    """

    name: str
    wall_s: float = 0.0
    worked_s: float = 0.0
    bound_s: float = 0.0
    cost: Cost = Cost()

    def idle(self, threads: int) -> float:
        """Share of the threads' time in which they waited, for work or for each other."""
        return 1 - self.worked_s / (threads * self.wall_s or inf)


def name_of(operation: Operation) -> str:
    """Its kind; of matrices which."""
    if isinstance(operation, operations.Linear):
        return MATRICES.get((operation.out, operation.x == "attended"), "matrices of experts")
    if isinstance(operation, operations.ExpertLinear):
        return "matrices of experts"
    return OTHERS.get(type(operation), BETWEEN)


def cost(operation: Operation, work: Work, sites: int) -> Cost:
    """What an operation needs; nothing where all it touches was just made, or is a row or two.

    Args:
        operation: of a step.
        work: of that step.
        sites: operations that share out the adapters.
    """
    match operation:
        case operations.Linear(matrix=matrix, out=out):
            tokens = work.outputs if out == "logits" else work.tokens
            products = matrix.rows * matrix.columns * tokens
            return Cost(matrix.bytes, products, matrix.format.activation_bits)
        case operations.AddLora():
            return Cost(work.adapter_bytes / sites, work.adapter_products / sites)
        case operations.Attend(heads=heads):
            read = work.position_bytes * work.positions
            return Cost(read, 2 * work.pairs * heads.queries * heads.width)
    return Cost()


def rows(
    times: Iterable[OperationTime],
    work: Work,
    read_bytes_per_s: float,
    products_per_s: Mapping[int, float],
) -> list[TimeShare]:
    """A row for each kind, in the order in which a step comes to them.

    Args:
        times: of a step.
        work: of that step.
        read_bytes_per_s: of the machine.
        products_per_s: of the machine, by their bits.
    """
    measured = list(times)
    sites = sum(isinstance(each.operation, operations.AddLora) for each in measured)
    found: dict[str, TimeShare] = {}
    for each in measured:
        row = found.setdefault(name_of(each.operation), TimeShare(name_of(each.operation)))
        needed = cost(each.operation, work, sites)
        row.wall_s += each.wall_s
        row.worked_s += each.worked_s
        row.bound_s += needed.bound_s(read_bytes_per_s, products_per_s)
        row.cost += needed
    return list(found.values())
