"""Where a job's inputs are on the machine that runs it: at the sender's place, or in its store."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.launch.inputs.job_input import JobInput
from pipeline.launch.inputs.listing import Keys
from pipeline.launch.inputs.store import InputStore


def absent(wanted: Iterable[tuple[JobInput, Path]], store: InputStore) -> list[str]:
    """SHA-256 of the contents that have to be brought, each once.

    Args:
        wanted: inputs, and where each would be on this machine if its place is the sender's.
        store: this machine's.
    """
    missing = [each for each, place in wanted if not each.lies_at(place)]
    contents = dict.fromkeys(content for each in missing for content in each.files.values())
    return [each for each in contents if not store.has(each)]


def found(wanted: JobInput, place: Path, store: InputStore) -> Path:
    """Where it is on this machine.

    Raises:
        UsageError: nowhere, or what is there is something else.
    """
    if wanted.lies_at(place):
        return place
    if copy := store.placed(wanted):
        return copy
    there = "something else is at that place" if place.exists() else "it isn't there"
    raise UsageError(
        f"{wanted.kind}={place}: {there}: wanted with SHA-256 {wanted.sha256[:16]}…; "
        "copy it from where the command was given, or put it on a disk that both have"
    )


def put(values: Any, keys: Keys, path: Path) -> Any:
    """Nested values, of which the one that stands there is another."""
    if not keys:
        return str(path)
    first, rest = keys[0], keys[1:]
    if isinstance(values, Mapping):
        return {**values, first: put(values[first], rest, path)}
    changed = [*values]
    changed[int(first)] = put(changed[int(first)], rest, path)
    return changed
