"""The lower bound of a step's time, from what it must read and compute.

After Williams, Waterman and Patterson (2009): a step takes at least as long as its bytes need at
the machine's read bandwidth, and at least as long as its operations need at its peak.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from pipeline.metrics.timeline import RequestRecord


@dataclass(frozen=True)
class Step:
    """One forward pass that was executed: an entry a sequence in it.

    Attributes:
        contexts: by sequence, how many positions each of its tokens attends to, its own included;
            one number in decoding, as many as there are tokens to compute in prefill.
        adapters: each sequence's adapter; None for the base model.
    """

    contexts: tuple[range, ...]
    adapters: tuple[str | None, ...]


@dataclass(frozen=True)
class Costs:
    """What a step needs, as plain numbers.

    Attributes:
        projections: weights that each token is multiplied by.
        head: weights that the last token of each sequence is multiplied by.
        weight_bytes: bytes of the weights a step reads, as the engine keeps them.
        weight_bits: of the numbers that are multiplied: 32, 16, or 8 of quantised weights.
        kv_bytes: bytes of keys and values a position and layer.
        attention_operations: operations of attention a position of the context and layer.
        windows: how many layers see that many positions back; under None all of them.
        adapters: parameters of each adapter.
        adapter_bytes: bytes of one parameter of an adapter.
    """

    projections: int
    head: int
    weight_bytes: int
    weight_bits: int
    kv_bytes: int
    attention_operations: int
    windows: Mapping[int | None, int]
    adapters: Mapping[str, int]
    adapter_bytes: int

    def bytes(self, step: Step) -> int:
        """What must be read: the weights once, the adapters, and every sequence's keys and values.

        Adapters count where a step mixes them: one for all could have been folded in.
        """
        several = set(step.adapters) if len(set(step.adapters)) > 1 else set()
        mixed = sum(self.adapters[name] for name in several if name is not None)
        cached = sum(self._seen(contexts[-1:]) for contexts in step.contexts) * self.kv_bytes
        return self.weight_bytes + mixed * self.adapter_bytes + cached

    def operations(self, step: Step) -> int:
        """Multiplications and additions: two a parameter and token, and those of attention.

        Adapters are left out, as they could have been folded in; they are one in a hundred.
        """
        products = self.projections * sum(map(len, step.contexts)) + self.head * len(step.contexts)
        return 2 * products + sum(map(self._seen, step.contexts)) * self.attention_operations

    def _seen(self, contexts: range) -> int:
        """Positions that tokens of such contexts attend to, over all layers."""
        return sum(layers * _within(contexts, window) for window, layers in self.windows.items())


def _within(contexts: range, window: int | None) -> int:
    """The sum of the contexts, none counted beyond the window."""
    if window is None or not contexts or contexts[-1] <= window:
        return sum(contexts)
    near = range(contexts.start, min(contexts.stop, window + 1))
    return sum(near) + (len(contexts) - len(near)) * window


@dataclass(frozen=True)
class Passes:
    """The forward passes of a kind in a run.

    Attributes:
        kind: as notes and figures name it.
        steps: all that were executed.
        seconds: what they took together.
        costs: what they need.
    """

    kind: Literal["decode", "prefill"]
    steps: tuple[Step, ...]
    seconds: float
    costs: Costs


@dataclass(frozen=True)
class Peaks:
    """What a machine can do, as measured.

    Attributes:
        read_bytes_per_s: from memory.
        operations_per_s: multiplications and additions of numbers, by their bits.
    """

    read_bytes_per_s: float
    operations_per_s: Mapping[int, float]


@dataclass(frozen=True)
class Roofline:
    """The mean step against its lower bound.

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
    found: _Rows = defaultdict(list)
    for each in requests:
        for index, at in enumerate(each.tokens[1:], start=1):
            context = each.prompt_tokens + index
            found[each.iteration, at].append((range(context, context + 1), each.adapter))
    return _steps(found)


def prefill_steps(requests: Collection[RequestRecord]) -> tuple[Step, ...]:
    """The prefills that an engine executed, told by its stamps; none if it decoded meanwhile.

    Prompts whose first tokens share a stamp were at best computed in one pass. Where some other
    request got a token between a request's admission and its first token, steps did both, and
    which part of their time was prefill's nobody can tell.
    """
    found: _Rows = defaultdict(list)
    decoded = sorted((each.iteration, at) for each in requests for at in each.tokens[1:])
    for each in requests:
        if not each.tokens:
            continue
        began = each.submitted if each.admitted is None else each.admitted
        first = (each.iteration, each.tokens[0])
        if bisect_right(decoded, (each.iteration, began)) < bisect_right(decoded, first):
            return ()
        found[first].append((range(1, each.prompt_tokens + 1), each.adapter))
    return _steps(found)


_Rows = defaultdict[tuple[int, float], list[tuple[range, str | None]]]


def _steps(found: _Rows) -> tuple[Step, ...]:
    return tuple(Step(*map(tuple, zip(*rows, strict=True))) for _, rows in sorted(found.items()))


def roofline(passes: Passes, peaks: Peaks) -> Roofline:
    """Measure against the bound.

    Raises:
        ValueError: there was no step, or it took no time.
    """
    if not passes.steps or not passes.seconds > 0:
        raise ValueError(f"no roofline: no {passes.kind} step was measured")
    costs, peak = passes.costs, peaks.operations_per_s[passes.costs.weight_bits]
    read = [costs.bytes(step) for step in passes.steps]
    computed = [costs.operations(step) for step in passes.steps]
    memory = [each / peaks.read_bytes_per_s for each in read]
    compute = [each / peak for each in computed]
    return Roofline(
        steps=len(passes.steps),
        step_s=passes.seconds / len(passes.steps),
        bound_s=fmean(map(max, memory, compute)),
        memory_s=fmean(memory),
        compute_s=fmean(compute),
        bytes=fmean(read),
        operations=fmean(computed),
    )
