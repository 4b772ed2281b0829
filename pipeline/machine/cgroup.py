"""What the control groups around this process allow it, version 1 and 2."""

from collections.abc import Iterator
from pathlib import Path

UNLIMITED_V1 = 1 << 60
"""Version 1 writes 'no limit' as a number about as large as this or larger."""


def limits(
    root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> dict[str, float | None]:
    """The tightest `memory_bytes` and `cpus` of this process's groups; None for no limit."""
    memory: list[float] = []
    cpus: list[float] = []
    for controllers, path in _groups(membership):
        if controllers == [""]:
            base = root if (root / "cgroup.controllers").exists() else root / "unified"
            memory += [float(words[0]) for words in _read(base, path, "memory.max")]
            cpus += [float(words[0]) / float(words[1]) for words in _read(base, path, "cpu.max")]
        if "memory" in controllers:
            sizes = _read(root / "memory", path, "memory.limit_in_bytes")
            memory += [float(words[0]) for words in sizes if float(words[0]) < UNLIMITED_V1]
        if "cpu" in controllers:
            quotas = _read(root / "cpu", path, "cpu.cfs_quota_us", "cpu.cfs_period_us")
            cpus += [float(words[0]) / float(words[1]) for words in quotas if words[0] != "-1"]
    return {"memory_bytes": min(memory, default=None), "cpus": min(cpus, default=None)}


def _groups(membership: Path) -> Iterator[tuple[list[str], str]]:
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        yield controllers.split(","), path


def _read(base: Path, path: str, *files: str) -> Iterator[list[str]]:
    """The words of `files`, in the group at `path` and in every group around it."""
    group = base / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(base):
            return
        try:
            words = " ".join((folder / file).read_text(encoding="utf-8") for file in files).split()
        except OSError:
            continue
        if words and words[0] != "max":
            yield words
