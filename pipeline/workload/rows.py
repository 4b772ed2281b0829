"""The lines of a trace file and the description beside it, checked field by field."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from pipeline.errors import UsageError, fault
from pipeline.workload.request import TraceRequest
from pipeline.workload.trace import FORMAT

_EXACT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Row(BaseModel):
    """A line: the fields of `Request`; tenant and `after` may be missing, nothing is converted."""

    model_config = _EXACT

    id: NonNegativeInt
    iteration: NonNegativeInt
    adapter: str | None
    prompt: str
    prompt_ids: tuple[NonNegativeInt, ...]
    max_new_tokens: PositiveInt
    scheduled_s: NonNegativeFloat
    tenant: str | None = None
    after: NonNegativeInt | None = None


class Sidecar(BaseModel):
    """What `trace.json` says about the `trace.jsonl` beside it; the first ones had no number."""

    model_config = _EXACT

    format: PositiveInt = 1
    sha256: str
    work_sha256: str | None = None
    requests: NonNegativeInt
    max_in_flight: PositiveInt | None
    laws: dict[str, Any]
    probabilities: tuple[NonNegativeFloat, ...] | None = None
    notes: tuple[str, ...] = ()


def parse_rows(path: Path, data: bytes) -> tuple[TraceRequest, ...]:
    """The requests in the bytes of a trace file; `path` is for messages.

    Raises:
        UsageError: naming the file and the line that is cut short, not a request, or out of order.
    """
    *lines, rest = data.split(b"\n")
    if rest or not lines:
        raise UsageError(
            f"workload.path={path}: line {len(lines) + 1} is cut short; copy the file again"
        )
    requests = tuple(_row(path, number, line) for number, line in enumerate(lines))
    _in_order(path, requests)
    return requests


def parse_sidecar(path: Path, data: bytes) -> Sidecar:
    """The description in the bytes of a `trace.json`; `path` is for messages.

    Raises:
        UsageError: it isn't one, or of a format that is newer than this program.
    """
    _known(path, data)
    try:
        return Sidecar.model_validate_json(data)
    except ValidationError as error:
        raise UsageError(
            f"{path}: is cut short or changed: {fault(error)}; copy it again"
        ) from error


def _row(path: Path, number: int, line: bytes) -> TraceRequest:
    where = f"workload.path={path}: line {number + 1}"
    try:
        request = TraceRequest(**_Row.model_validate_json(line).model_dump())
    except ValidationError as error:
        raise UsageError(
            f"{where} is cut short or changed: {fault(error)}; copy the file again"
        ) from error
    if request.id != number:
        raise UsageError(f"{where} is changed: id: {request.id}, not {number}; copy the file again")
    if request.after is not None and request.after >= number:
        raise UsageError(
            f"{where}: comes after request {request.after}, which isn't above it; sort the requests"
        )
    return request


def _in_order(path: Path, requests: Sequence[TraceRequest]) -> None:
    """A replay hands requests over one after another: none may be due before the one above it."""
    for before, after in pairwise(requests):
        if (after.iteration, after.scheduled_s) < (before.iteration, before.scheduled_s):
            raise UsageError(
                f"workload.path={path}: line {after.id + 1}: is due before the line above; "
                "sort the requests by iteration and scheduled_s"
            )


def _known(path: Path, data: bytes) -> None:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return
    number = said.get("format", 1) if isinstance(said, dict) else 1
    if isinstance(number, int) and number > FORMAT:
        raise UsageError(
            f"{path}: is of format {number}, and this program reads up to {FORMAT}; "
            "replay it with the program that wrote it, or a newer one"
        )
