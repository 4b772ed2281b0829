"""On which machine a run was made: runs of two are never paired unless machines are compared."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.compare.run import Run
from pipeline.machine.processor import name_of

NUMBERS = ("vendor", "family", "model_number", "stepping")


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
    name: str = "?"

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
            name_of(cpu) or "?",
        )

    @property
    def known(self) -> bool:
        """Whether it can be told from others of its name: by its processor's numbers."""
        return None not in self.processor[1:3]


LABELS: Sequence[Callable[[Machine], str]] = (
    lambda machine: machine.host or "?",
    lambda machine: f"{machine.host or '?'}, {machine.name}",
    lambda machine: f"{machine.host or '?'}, {machine.name}, {(machine.id or 'no id')[:6]}",
)
"""How to call a machine, the shortest first."""


def labels(runs: Iterable[Run]) -> dict[Machine, str]:
    """A name for each machine, as short as tells them apart."""
    machines = list(dict.fromkeys(map(Machine.of, runs)))
    for label in LABELS:
        names = [label(machine) for machine in machines]
        if len(set(names)) == len(names):
            break
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return dict(zip(machines, numbered, strict=True))
