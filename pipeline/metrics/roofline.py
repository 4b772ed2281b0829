"""The lower bound of a decode step's time, from what it must read and compute.

After Williams, Waterman and Patterson (2009): a step takes at least as long as its bytes need at
the machine's read bandwidth, and at least as long as its operations need at its peak.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from pipeline.metrics.timeline import RequestRecord


@dataclass(frozen=True)
class Step:
    """One decode step that was executed: an entry a sequence in it.

    Attributes:
        contexts: positions each token attends to, its own included.
        adapters: each sequence's adapter; None for the base model.
    """

    contexts: tuple[int, ...]
    adapters: tuple[str | None, ...]


@dataclass(frozen=True)
class Costs:
    """What a step needs, as plain numbers.

    Attributes:
        parameters: weights that each token is multiplied by.
        weight_bytes: bytes of the weights a step reads, as the engine keeps them.
        kv_bytes: bytes of keys and values a position.
        attention_operations: operations of attention a position of the context.
        adapters: parameters of each adapter.
        adapter_bytes: bytes of one parameter of an adapter.
    """

    parameters: int
    weight_bytes: int
    kv_bytes: int
    attention_operations: int
    adapters: Mapping[str, int]
    adapter_bytes: int

    def bytes(self, step: Step) -> int:
        """What must be read: the weights once, the adapters, and every sequence's keys and values.

        Adapters count where a step mixes them: one for all could have been folded in.
        """
        several = set(step.adapters) if len(set(step.adapters)) > 1 else set()
        mixed = sum(self.adapters[name] for name in several if name is not None)
        cached = sum(step.contexts) * self.kv_bytes
        return self.weight_bytes + mixed * self.adapter_bytes + cached

    def operations(self, step: Step) -> int:
        """Multiplications and additions: two a parameter and token, and those of attention.

        Adapters are left out, as they could have been folded in; they are one in a hundred.
        """
        products = 2 * self.parameters * len(step.contexts)
        return products + sum(step.contexts) * self.attention_operations


@dataclass(frozen=True)
class Decoding:
    """The decode steps of a run.

    Attributes:
        steps: all that were executed.
        seconds: what they took together.
        costs: what they need.
    """

    steps: tuple[Step, ...]
    seconds: float
    costs: Costs


@dataclass(frozen=True)
class Peaks:
    """What a machine can do, as measured."""

    read_bytes_per_s: float
    operations_per_s: float


@dataclass(frozen=True)
class Roofline:
    """The mean decode step against its lower bound.

    Attributes:
        steps: how many there were.
        step_s: seconds a step took.
        bound_s: seconds it takes at least: the larger of the next two, step by step.
        memory_s: seconds that its bytes need.
        compute_s: seconds that its operations need.
        bytes: read a step, at least.
        operations: computed a step, at least.
    """

    steps: int
    step_s: float
    bound_s: float
    memory_s: float
    compute_s: float
    bytes: float
    operations: float

    @property
    def fraction(self) -> float:
        """`roofline_fraction`: 1 is as fast as this machine can be."""
        return self.bound_s / self.step_s

    @property
    def roof(self) -> Literal["memory", "compute"]:
        """Which of the two limits lies nearer."""
        return "memory" if self.memory_s >= self.compute_s else "compute"


def decode_steps(requests: Iterable[RequestRecord]) -> tuple[Step, ...]:
    """The decode steps that an engine executed, told by its stamps.

    Tokens of one step become available together and share a stamp; first tokens are prefill's.
    Rows that an engine computed and threw away leave no stamp, so the work is never overstated.
    """
    found: dict[tuple[int, float], list[tuple[int, str | None]]] = defaultdict(list)
    for each in requests:
        for index, at in enumerate(each.tokens[1:], start=1):
            found[each.iteration, at].append((each.prompt_tokens + index, each.adapter))
    return tuple(Step(*map(tuple, zip(*rows, strict=True))) for _, rows in sorted(found.items()))


def roofline(decoding: Decoding, peaks: Peaks) -> Roofline:
    """Measure against the bound.

    Raises:
        ValueError: there was no step, or it took no time.
    """
    if not decoding.steps or not decoding.seconds > 0:
        raise ValueError("no roofline: no decode step was measured")
    read = [decoding.costs.bytes(step) for step in decoding.steps]
    computed = [decoding.costs.operations(step) for step in decoding.steps]
    memory = [each / peaks.read_bytes_per_s for each in read]
    compute = [each / peaks.operations_per_s for each in computed]
    return Roofline(
        steps=len(decoding.steps),
        step_s=decoding.seconds / len(decoding.steps),
        bound_s=fmean(map(max, memory, compute)),
        memory_s=fmean(memory),
        compute_s=fmean(compute),
        bytes=fmean(read),
        operations=fmean(computed),
    )
