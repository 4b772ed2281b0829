"""The trace: every request of a run, fixed before it starts, and its hash."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.workload.request import Request
from pipeline.workload.rows import parse_rows, parse_sidecar


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
        """One request a line, in ASCII; the same bytes on every machine."""
        return "".join(
            json.dumps(_row(each), sort_keys=True, allow_nan=False, separators=(",", ":")) + "\n"
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
            "laws": {name: law for name, law in self.laws.items() if name != "probabilities"},
            "probabilities": self.laws.get("probabilities"),
        }

    def write(self, path: Path) -> None:
        """Write `trace.jsonl`, and `trace.json` beside it."""
        path.write_text(self.jsonl, "utf-8", newline="\n")
        sidecar = json.dumps(self.sidecar(), indent=2, ensure_ascii=False, default=str) + "\n"
        path.with_suffix(".json").write_text(sidecar, "utf-8", newline="\n")


def _row(request: Request) -> dict[str, Any]:
    row = asdict(request)
    if request.tenant is None:
        del row["tenant"]
    return row


def read_trace(path: Path) -> Trace:
    """The trace in a JSONL file, checked against the `.json` beside it when there is one.

    Raises:
        UsageError: the file isn't there, is cut short, was changed, or isn't a trace.
    """
    if not path.is_file():
        raise UsageError(f"workload.path={path}: no such file; name a trace.jsonl of a run")
    data = path.read_bytes()
    requests = parse_rows(path, data)
    sidecar = path.with_suffix(".json")
    if sidecar == path or not sidecar.is_file():
        return Trace(requests)
    said = parse_sidecar(sidecar)
    if len(requests) < said.requests:
        raise UsageError(
            f"workload.path={path}: is cut short: {len(requests)} of the {said.requests} requests "
            f"that {sidecar.name} counts; copy the file again"
        )
    if hashlib.sha256(data).hexdigest() != said.sha256:
        raise UsageError(
            f"workload.path={path}: is changed: not the SHA-256 in {sidecar.name}; "
            "copy both files again"
        )
    vector = {"probabilities": list(said.probabilities)} if said.probabilities else {}
    return Trace(requests, said.max_in_flight, {**said.laws, **vector})


def used(requests: Sequence[Request]) -> set[str]:
    """Names of the adapters that those requests name."""
    return {request.adapter for request in requests if request.adapter is not None}
