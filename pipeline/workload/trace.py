"""The trace: every request of a run, fixed before it starts, and its hash."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import UsageError
from pipeline.workload.request import Request

_REQUEST = TypeAdapter(Request)


@dataclass(frozen=True)
class Trace:
    """Requests in order of arrival.

    Attributes:
        requests: all of them.
        max_in_flight: most requests in the engine at a time; None for no limit.
        laws: what it was drawn from: settings, seeds, the probability vector.
    """

    requests: tuple[Request, ...]
    max_in_flight: int | None = None
    laws: Mapping[str, Any] = field(default_factory=dict)

    @property
    def jsonl(self) -> str:
        """One request a line; the same bytes on every machine."""
        return "".join(
            json.dumps(asdict(each), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            + "\n"
            for each in self.requests
        )

    @property
    def sha256(self) -> str:
        """Hash of `jsonl`: runs are compared only when theirs are equal."""
        return hashlib.sha256(self.jsonl.encode()).hexdigest()

    @property
    def iterations(self) -> list[list[Request]]:
        """The requests by iteration."""
        by_iteration: dict[int, list[Request]] = {}
        for request in self.requests:
            by_iteration.setdefault(request.iteration, []).append(request)
        return list(by_iteration.values())

    @property
    def adapters(self) -> list[str | None]:
        """The adapters it names, in order of first use."""
        return list(dict.fromkeys(request.adapter for request in self.requests))

    def sidecar(self) -> dict[str, Any]:
        """What `trace.json` holds."""
        return {
            "sha256": self.sha256,
            "requests": len(self.requests),
            "max_in_flight": self.max_in_flight,
            "laws": dict(self.laws),
        }

    def write(self, path: Path) -> None:
        """Write `trace.jsonl`, and `trace.json` beside it."""
        path.write_text(self.jsonl, "utf-8", newline="\n")
        sidecar = json.dumps(self.sidecar(), indent=2, ensure_ascii=False) + "\n"
        path.with_suffix(".json").write_text(sidecar, "utf-8")


def read_trace(path: Path) -> Trace:
    """The trace in a JSONL file, checked against the `.json` beside it when there is one.

    Raises:
        UsageError: the file isn't there, is cut short, was changed, or isn't a trace.
    """
    if not path.is_file():
        raise UsageError(f"workload.path={path}: no such file")
    requests = _parse(path, path.read_text("utf-8", "replace"))
    sidecar = path.with_suffix(".json")
    if not sidecar.is_file():
        return Trace(requests)
    try:
        said = json.loads(sidecar.read_text("utf-8"))
        trace = Trace(requests, said["max_in_flight"], said["laws"])
        count, sha256 = said["requests"], said["sha256"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(f"{sidecar}: not the description of a trace ({error})") from error
    if len(requests) != count:
        raise UsageError(
            f"workload.path={path}: cut short: {len(requests)} of {count} requests; copy it again"
        )
    if trace.sha256 != sha256:
        raise UsageError(f"workload.path={path}: changed since it was written; copy it again")
    return trace


def _parse(path: Path, text: str) -> tuple[Request, ...]:
    if not text.endswith("\n"):
        raise UsageError(f"workload.path={path}: cut short in its last line; copy it again")
    return tuple(
        _row(path, number, line) for number, line in enumerate(text.removesuffix("\n").split("\n"))
    )


def _row(path: Path, number: int, line: str) -> Request:
    try:
        request = _REQUEST.validate_json(line)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        what = f"{where}: {fault['msg']}" if where else fault["msg"]
        raise UsageError(f"workload.path={path}: line {number + 1}: {what}") from error
    if request.id != number:
        raise UsageError(f"workload.path={path}: line {number + 1}: id {request.id}, not {number}")
    return request


def used(requests: Sequence[Request]) -> set[str]:
    """Names of the adapters that those requests name."""
    return {request.adapter for request in requests if request.adapter is not None}
