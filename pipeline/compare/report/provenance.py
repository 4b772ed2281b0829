"""Where the figures come from: enough to make them again, or to doubt them."""

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.compare.comparison import Comparison
from pipeline.compare.run import Run
from pipeline.machine.kernel_file import format_list
from pipeline.machine.processor import VECTOR_EXTENSIONS, name_of
from pipeline.metrics.until import Until
from pipeline.settings import flatten

Fact = tuple[str, tuple[str, ...]]
"""A term, and every value the runs have for it: one, if they agree."""


def provenance(comparison: Comparison) -> list[Fact]:
    """Commands, machine, versions, source and traces; what no run recorded is left out."""
    readers: dict[str, Callable[[Run], str | None]] = {
        "Command": lambda run: run.command,
        "Stopping rule": _rule,
        "Measured": lambda run: (run.environment.get("time") or "")[:10],
        "Machine": _machine,
        "CPU": _cpu,
        "Threads": _threads,
        "Computed by": _backend,
        "Memory": _memory,
        "System": _system,
        "Versions": _versions,
        "Git commit": _commit,
        "Model (SHA-256)": lambda run: _hash(run, "model"),
        "Adapters (SHA-256)": lambda run: _hash(run, "adapters"),
        "Traces (SHA-256)": lambda run: run.trace,
    }
    facts = [(term, _distinct(map(read, comparison.runs))) for term, read in readers.items()]
    return [(term, values) for term, values in facts if values]


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _rule(run: Run) -> str | None:
    return str(rule) if (rule := Until.of(run.settings)) else None


def _machine(run: Run) -> str | None:
    host, identity = (run.environment.get(name) for name in ("hostname", "machine_id"))
    return host and f"{host}{f' (id {identity})' if identity else ''}"


def _cpu(run: Run) -> str | None:
    cpu = run.environment.get("cpu") or {}
    if not cpu.get("model"):
        return None
    cores = f"{cpu.get('physical_cores', '?')} cores, {cpu.get('logical_cores', '?')} logical"
    vectors = [flag for flag in cpu.get("flags") or [] if flag in VECTOR_EXTENSIONS]
    return "; ".join(filter(None, (name_of(cpu), cores, " ".join(vectors))))


def _threads(run: Run) -> str | None:
    threads = _text(run.environment.get("threads", run.settings.get("threads")))
    cpus = (run.environment.get("cpu") or {}).get("affinity")
    why = [run.environment.get("threads_reason"), cpus and f"on processors {format_list(cpus)}"]
    return threads and f"{threads}{''.join(f'; {each}' for each in why if each)}"


def _backend(run: Run) -> str | None:
    backend = run.environment.get("backend") or {}
    known = [backend.get(name) for name in ("kernels", "instruction_set", "built", "flags")]
    if source := backend.get("source"):
        known.append(f"source {source[:12]}")
    return f"{run.arm}: {', '.join(filter(None, known))}" if backend else None


def _memory(run: Run) -> str | None:
    total = flatten(run.environment).get("memory.total_bytes")
    return f"{total / 2**30:.1f} GiB" if total else None


def _system(run: Run) -> str | None:
    found = [run.environment.get(name) for name in ("os", "kernel")]
    python = run.environment.get("python")
    return ", ".join(map(str, filter(None, [*found, python and f"Python {python}"]))) or None


def _versions(run: Run) -> str | None:
    versions = run.environment.get("versions") or {}
    return ", ".join(f"{name} {number}" for name, number in versions.items() if number) or None


def _commit(run: Run) -> str | None:
    git = run.environment.get("git") or {}
    if not git.get("commit"):
        return None
    return f"{git['commit']}{' with uncommitted changes' if git.get('dirty') else ''}"


def _hash(run: Run, name: str) -> str | None:
    return _text((run.environment.get("hashes") or {}).get(name))
