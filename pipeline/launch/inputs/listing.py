"""Which inputs a job has: whatever its settings name by a path, but for what is made there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pipeline.launch.inputs.job_input import JobInput
from pipeline.places import PACKAGE
from pipeline.settings import Selective, is_kept

Keys = tuple[str | int, ...]
"""Where a value stands in nested mappings and lists."""


def inputs_of(config: Any) -> dict[Keys, JobInput]:
    """Inputs of a job by where their settings stand; what is kept with the code comes with it.

    Raises:
        UsageError: one of them can't be read.
    """
    return {
        keys: JobInput.of(".".join(map(str, keys)), path, read)
        for keys, path, read in _paths((), config)
        if path.exists() and PACKAGE not in path.resolve().parents
    }


def _paths(keys: Keys, value: Any) -> Iterator[tuple[Keys, Path, tuple[Path, ...]]]:
    """Paths below a setting, and what is read of each."""
    if isinstance(value, Path):
        yield keys, value, (value,)
    elif is_dataclass(value):
        reads: Mapping[str, Sequence[Path]] = {}
        if isinstance(value, Selective):
            reads = value.reads()
        for each in fields(value):
            if not is_kept(each):
                for inner, path, read in _paths((*keys, each.name), getattr(value, each.name)):
                    yield inner, path, tuple(reads.get(each.name, read))
    elif isinstance(value, Mapping | list | tuple):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner_value in pairs:
            yield from _paths((*keys, key), inner_value)
