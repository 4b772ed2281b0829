"""Under which circumstances runs were made: what differs there isn't the arms' own doing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.compare.labels import abridged
from pipeline.compare.run import Run
from pipeline.machine.kernel_file import format_list

FOLLOWING = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that every job sets by its number of threads."""

BUILD = "build"
"""How an engine's kernels were built: of two engines it differs by nature."""

FLAGS = "flags"
"""Of the compiler that built them."""

FILES = ("model", "adapters", "questions")
"""What runs are made from, whose files may be replaced where they lie."""

SAMPLED = "output tokens"
"""What two runs of one trace may differ in where outputs end by chance."""

SHOWN = 2
"""How many different pairs of values are told of one circumstance."""

Circumstances = Mapping[str, str]


def circumstances(run: Run) -> Circumstances:
    """What was recorded beside the machine, by name; what wasn't is left out.

    Threads, affinity, instruction set and build of what computed, versions, variables of the
    process, the state of the source, and what lay in the files that the run was made from. Of
    processors that a launcher gave it is the number that counts: it was told to take whichever are
    free.
    """
    recorded = run.environment
    cpu, backend, git = (recorded.get(name) or {} for name in ("cpu", "backend", "git"))
    hashes = recorded.get("hashes") or {}
    variables = recorded.get("thread_variables") or {}
    found = {
        "threads": recorded.get("threads"),
        "affinity": _processors(cpu.get("affinity") or (), run.cpus),
        "isa": backend.get("instruction_set"),
        BUILD: backend.get("built"),
        FLAGS: backend.get("flags"),
        "commit": _commit(git),
        "python": recorded.get("python"),
        **(recorded.get("versions") or {}),
        **{name: value or "unset" for name, value in variables.items() if name not in FOLLOWING},
        **{name: f"files {hashes[name][:7]}" for name in FILES if hashes.get(name)},
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def versions(run: Run) -> Circumstances:
    """Those of the circumstances that are versions: of Python and of libraries."""
    names = {"python", *(run.environment.get("versions") or {})}
    return {name: value for name, value in circumstances(run).items() if name in names}


def differing(runs: Iterable[Run]) -> dict[str, list[str]]:
    """The circumstances in which runs of one arm differ, and their values."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in circumstances(run).items():
            values.setdefault(name, {})[value] = None
    return {name: list(found) for name, found in values.items() if len(found) > 1}


def unlike(pairs: Sequence[tuple[Run, Run]]) -> tuple[str, ...]:
    """What differs between the two runs of pairs, such as `threads 1 against 2`; empty if nothing.

    Left out is what the arms' names say.
    """
    found: dict[str, dict[str, None]] = {}
    for pair in pairs:
        said = {*pair[0].named, *pair[1].named}
        for name, (ours, theirs) in differences(*pair).items():
            if name in said:
                continue
            found.setdefault(name, {})[f"{ours} against {theirs}"] = None
    return tuple(f"{name} {abridged(list(values), ', ', SHOWN)}" for name, values in found.items())


def differences(run: Run, other: Run) -> dict[str, tuple[str, str]]:
    """The circumstances in which two runs differ, with the values of both.

    One that only one of them recorded isn't known to differ.
    """
    ours, theirs = circumstances(run), circumstances(other)
    both = {name: (ours[name], theirs[name]) for name in ours if name in theirs}
    if run.settings.get("engine.name") != other.settings.get("engine.name"):
        both.pop(BUILD, None)
        both.pop(FLAGS, None)
    counts = [each.number("output_tokens") for each in (run, other)]
    if None not in counts:
        both[SAMPLED] = (f"{counts[0]:g}", f"{counts[1]:g}")
    return {name: values for name, values in both.items() if values[0] != values[1]}


def _processors(numbers: Sequence[int], given: int | None) -> str | None:
    if not numbers:
        return None
    return f"any {len(numbers)}" if given else format_list(numbers)


def _commit(git: Mapping[str, Any]) -> str | None:
    """`0123456`, and of a changed tree which changes: `0123456+89abcdef`."""
    if not git.get("commit"):
        return None
    changes = str(git.get("changes") or "changes")[:8]
    return f"{git['commit'][:7]}{f'+{changes}' if git.get('dirty') else ''}"
