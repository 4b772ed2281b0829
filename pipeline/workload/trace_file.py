"""Reading a trace back: `trace.jsonl`, and the `trace.json` without which it is half a trace."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from pipeline.errors import UsageError
from pipeline.files.regular import read_regular
from pipeline.workload.request import TraceRequest
from pipeline.workload.rows import Sidecar, parse_rows, parse_sidecar
from pipeline.workload.trace import Trace, digest

MOST, MOST_SAID = 1 << 31, 1 << 26
"""Bytes of a trace, and of the description beside it."""

InFlight = PositiveInt | Literal["all"]
"""How many requests may be in the engine at a time: so many, or as many as have come."""


def read_trace(path: Path, in_flight: InFlight | None = None) -> Trace:
    """The trace in a JSONL file, checked against the `.json` beside it.

    Args:
        path: the JSONL file.
        in_flight: for a file written by hand, which has no description beside it: what would
            stand there. None takes it from the description.

    Raises:
        UsageError: the file isn't there, is cut short, was changed, isn't a trace, or nothing says
            how many of its requests are in flight at a time.
    """
    data = _bytes(path, MOST)
    requests = parse_rows(path, data)
    sidecar = description_of(path)
    if sidecar == path or not sidecar.exists():
        return _written_by_hand(path, requests, sidecar.name, in_flight)
    if in_flight is not None:
        raise UsageError(
            f"workload.in_flight={in_flight}: {sidecar} says it already; leave the setting out"
        )
    said = parse_sidecar(sidecar, _bytes(sidecar, MOST_SAID))
    if len(requests) < said.requests:
        raise UsageError(
            f"workload.path={path}: is cut short: {len(requests)} of the {said.requests} requests "
            f"that {sidecar.name} counts; copy the file again"
        )
    if _digest(data, said) != said.sha256:
        raise UsageError(
            f"workload.path={path}: is changed: not the SHA-256 in {sidecar.name}; "
            "copy both files again"
        )
    vector = {"probabilities": list(said.probabilities)} if said.probabilities else {}
    return Trace(requests, said.max_in_flight, {**said.laws, **vector}, _notes(said))


def description_of(path: Path) -> Path:
    """The file beside a trace that says how many requests it has, and their SHA-256."""
    return path.with_suffix(".json")


def _bytes(path: Path, most: int) -> bytes:
    try:
        return read_regular(path, most)
    except (OSError, ValueError) as error:
        gone = isinstance(error, FileNotFoundError)
        why = "no such file" if gone else getattr(error, "strerror", None) or error
        raise UsageError(f"workload.path={path}: {why}; name a trace.jsonl of a run") from error


def _written_by_hand(
    path: Path, requests: tuple[TraceRequest, ...], sidecar: str, in_flight: InFlight | None
) -> Trace:
    if in_flight is None:
        raise UsageError(
            f"workload.path={path}: {sidecar} is missing beside it, which says how many "
            "requests are in flight at a time; copy it too, or for a file written by hand give "
            "workload.in_flight=all or a number"
        )
    limit = None if in_flight == "all" else in_flight
    note = f"{path.name} came without {sidecar}: nothing says that it is whole"
    return Trace(requests, limit, notes=(note,))


def _digest(rows: bytes, said: Sidecar) -> str:
    """As the format that the description is of has it."""
    if said.format == 1:
        return hashlib.sha256(rows).hexdigest()
    return digest(rows, said.max_in_flight)


def _notes(said: Sidecar) -> tuple[str, ...]:
    if said.format > 1:
        return said.notes
    return (
        "replayed from a trace of format 1, whose SHA-256 didn't cover how many requests are in "
        f"flight at a time (here {said.max_in_flight or 'all'}); this run's does",
    )
