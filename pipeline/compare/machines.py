"""On which machine a run was made: runs of two are never paired unless machines are compared.

A sweep may be spread over several machines, block by block. What was measured on any
of one kind is a repeat of the same; machines of different kinds are different conditions.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.compare.run import Run

MACHINE = "machine"
"""The circumstance in which runs differ that are compared by machine, and a condition's name."""

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
        threads: that it runs at once, whatever of them a run may use: its logical processors.
    """

    id: str | None
    host: str | None
    processor: tuple[Hashable, ...]
    flags: tuple[str, ...]
    memory_gib: int | None
    threads: int | None

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
            cpu.get("logical_cores"),
        )

    @property
    def kind(self) -> Hashable:
        """What it has in common with its like, which another of a rack would be."""
        return self.processor, self.flags, self.memory_gib, self.threads

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


def fleets(runs: Sequence[Run]) -> dict[Path, str]:
    """What a run's machine is called, or all machines of its kind on which its sweep ran.

    By the run's directory; of the machines alone on which some run counts.
    """
    called = labels(run for run in runs if run.counts)
    machines = {run.path: machine for run in runs if (machine := Machine.of(run)) in called}
    spread: dict[Hashable, dict[str, None]] = defaultdict(dict)
    for run in runs:
        if run.path in machines:
            spread[_fleet(run, machines[run.path])][called[machines[run.path]]] = None
    return {
        run.path: _together(sorted(spread[_fleet(run, machines[run.path])]))
        for run in runs
        if run.path in machines
    }


def _fleet(run: Run, machine: Machine) -> Hashable:
    """What runs that share a name have in common: a sweep and a kind, else the machine itself."""
    told = run.command is None or not machine.known
    return machine if told else (run.sweep, machine.kind)


def _together(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} like it"


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
