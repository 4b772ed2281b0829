"""The run directory: every file of one run, by name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pipeline.files.documents import (
    append_jsonl,
    read_json,
    read_jsonl,
    reading,
    write_json,
    write_text,
)
from pipeline.metrics.integrity import Asked, strays
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.tracking.lock import LOCK, is_claimed
from pipeline.tracking.status import State, Status

Row = TypeVar("Row")

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""YAML's safe loader, the one in C where there is one: it takes a tenth of the time."""

CONFIG, STATUS = "config.yaml", "status.json"

DIED = "its process was killed, or the machine went down, before it could say how it ended"
"""The cause of a run that nobody works on and that never got another status."""


@dataclass(frozen=True)
class RunDirectory:
    """One run on disk: the truth of which everything else is a view.

    `config.yaml`, `trace.jsonl`, `trace.json`, `environment.json`, `metrics.json`,
    `fidelity.json` and `status.json` are written whole or not at all. `requests.jsonl` and
    `iterations.jsonl` grow by whole lines after each iteration, so a run that dies keeps what
    it had measured.
    """

    path: Path

    @property
    def log(self) -> Path:
        """The whole log, tracebacks included."""
        return self.path / "log.txt"

    @property
    def trace(self) -> Path:
        """One request a line; `trace.json` beside it holds the laws and the SHA-256."""
        return self.path / "trace.jsonl"

    @property
    def profile(self) -> Path:
        """Folder of the profilers' artifacts."""
        return self.path / "profile"

    @property
    def server(self) -> Path:
        """Folder of what an engine leaves that asks a server."""
        return self.path / "server"

    def write_config(self, text: str) -> None:
        """Keep the resolved configuration, as YAML."""
        write_text(self.path / CONFIG, text)

    def write_status(self, status: Status) -> None:
        """Say how the job stands."""
        write_json(self.path / STATUS, status.to_json())

    def write_json(self, name: str, value: Any) -> None:
        """Write one of the JSON documents, such as `metrics.json`."""
        write_json(self.path / name, value)

    def append(self, iteration: Iteration, requests: Iterable[RequestRecord]) -> None:
        """Keep what one iteration, or a stretch of it, measured."""
        append_jsonl(self.path / "requests.jsonl", (row.to_json() for row in requests))
        append_jsonl(self.path / "iterations.jsonl", [iteration.to_json()])

    def has(self, name: str) -> bool:
        """Whether the run wrote that file."""
        return (self.path / name).is_file()

    def remove_if_empty(self) -> None:
        """Take away a directory in which nothing was ever kept."""
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def config(self) -> dict[str, Any]:
        """The resolved configuration as plain values.

        Raises:
            Unreadable: it is damaged.
        """
        path = self.path / CONFIG
        with reading(path):
            try:
                return {**yaml.load(path.read_text("utf-8"), LOADER)}
            except yaml.YAMLError as error:
                raise ValueError(str(error)) from error

    def status(self) -> Status:
        """How the job stands; KILLED if it says that it runs, and no living process holds it.

        Raises:
            Unreadable: `status.json` is damaged.
            UsageError: it is of a newer format.
        """
        status = self.written_status()
        if status.state is not State.RUNNING or is_claimed(self.path):
            return status
        return self.left()  # It may have ended between the first look and this one.

    def left(self) -> Status:
        """How the job was left, for whoever holds the directory: nobody else works there any more.

        Raises:
            Unreadable: `status.json` is damaged.
            UsageError: it is of a newer format.
        """
        status = self.written_status()
        if status.state is not State.RUNNING:
            return status
        return replace(status, state=State.KILLED, cause=DIED, finished=self._last_written())

    def written_status(self) -> Status:
        """What `status.json` says, whether or not the process lives that wrote it.

        Raises:
            Unreadable: it is damaged.
            UsageError: it is of a newer format.
        """
        path = self.path / STATUS
        row = read_json(path)
        with reading(path):
            return Status.from_json(row)

    def _last_written(self) -> str:
        """When the youngest of its files was written, ISO 8601 with zone."""
        files = (each for each in self.path.iterdir() if each.is_file() and each.name != LOCK)
        seconds = max(each.stat().st_mtime for each in files)
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")

    def json(self, name: str) -> Mapping[str, Any]:
        """One of the JSON documents; empty when the run never wrote it.

        Raises:
            Unreadable: it is damaged.
        """
        path = self.path / name
        if not path.exists():
            return {}
        document = read_json(path)
        with reading(path):
            return {**document}

    def requests(self) -> tuple[RequestRecord, ...]:
        """The served requests, in the order they finished.

        Raises:
            Unreadable: a row is damaged.
        """
        return self._rows("requests.jsonl", RequestRecord.from_json)

    def measured(self) -> tuple[RequestRecord, ...]:
        """The same without the run-in's: those that the metrics are of."""
        return tuple(each for each in self.requests() if not each.run_in)

    def asked(self) -> tuple[Asked, ...]:
        """What the trace asks for, a request a line; empty when the run has no trace of its own.

        Raises:
            Unreadable: a line is damaged.
        """
        return self._rows("trace.jsonl", Asked.from_json)

    def strays(self) -> tuple[str, ...]:
        """Where the rows aren't exactly the trace, one line each; none for a run without rows.

        Raises:
            Unreadable: a row, a line of the trace or the configuration is damaged.
        """
        if not (self.has("requests.jsonl") and self.has("trace.jsonl")):
            return ()
        sampling = self.config().get("sampling", {})
        ended = sampling.get("stop") or sampling.get("stop_ids")
        early = bool(ended) or not sampling.get("ignore_eos", True)
        return strays(self.asked(), self.requests(), early)

    def iterations(self) -> tuple[Iteration, ...]:
        """The iterations in order, those of the run-in too.

        Raises:
            Unreadable: a row is damaged.
        """
        return self._rows("iterations.jsonl", Iteration.from_json)

    def _rows(self, name: str, parse: Callable[[Mapping[str, Any]], Row]) -> tuple[Row, ...]:
        path = self.path / name
        rows = read_jsonl(path) if path.exists() else []
        return tuple(_parsed(path, number, row, parse) for number, row in enumerate(rows, start=1))


def _parsed(
    path: Path, number: int, row: Mapping[str, Any], parse: Callable[[Mapping[str, Any]], Row]
) -> Row:
    with reading(path, f" in line {number}"):
        return parse(row)
