"""On which machine a run was made: runs of two are never paired unless machines are compared."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.compare.run import Run

NUMBERS = ("vendor", "family", "model_number", "stepping")
WORDS = ("", "", "family", "model", "stepping")
"""What stands before the processor's name and before each of its numbers."""


@dataclass(frozen=True)
class Machine:
    """A machine's identity. Runs of before say less: they are nobody's but their like's.

    Attributes:
        id: keyed hash of its machine id.
        host: its name.
        processor: by name and numbers.
        flags: all of the processor's.
        memory_gib: its size, rounded: a kernel keeps some of it for itself.
    """

    id: str | None
    host: str | None
    processor: tuple[Hashable, ...]
    flags: tuple[str, ...]
    memory_gib: int | None

    @classmethod
    def of(cls, run: Run) -> "Machine":
        """As the run recorded it."""
        recorded = run.environment
        cpu, memory = (recorded.get(name) or {} for name in ("cpu", "memory"))
        total = memory.get("total_bytes")
        return cls(
            recorded.get("machine_id"),
            recorded.get("hostname"),
            (cpu.get("model"), *(cpu.get(number) for number in NUMBERS)),
            tuple(cpu.get("flags") or ()),
            None if total is None else round(total / 2**30),
        )

    @property
    def known(self) -> bool:
        """Whether it can be told from others of its name: by its processor's numbers."""
        return None not in self.processor[1:3]


def labels(runs: Iterable[Run]) -> dict[Machine, str]:
    """A name for each machine: its host's, and what of the processor tells it from the others."""
    machines = list(dict.fromkeys(map(Machine.of, runs)))
    names = [machine.host or "?" for machine in machines]
    for parts in (_processors(machines), [(machine.id or "no id")[:6] for machine in machines]):
        if len(set(names)) < len(names):
            names = [", ".join(filter(None, each)) for each in zip(names, parts, strict=True)]
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return dict(zip(machines, numbered, strict=True))


def _processors(machines: Sequence[Machine]) -> list[str]:
    """Of each processor the name and the numbers in which they differ."""
    columns = zip(*(machine.processor for machine in machines), strict=True)
    differing = [len(set(column)) > 1 for column in columns]
    return [
        " ".join(
            f"{word} {value}".strip()
            for word, value, told in zip(WORDS, machine.processor, differing, strict=True)
            if told and value is not None
        )
        for machine in machines
    ]
