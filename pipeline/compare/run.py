"""One run as a comparison sees it: a row that is never dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from pipeline.compare.labels import printable
from pipeline.compare.recorded import document, stamp, whole
from pipeline.errors import Unreadable, UsageError
from pipeline.files.documents import reading
from pipeline.settings import flatten
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import FORMAT, UNREADABLE, State
from pipeline.workload.shared import as_drawn

NEVER_RAN = "NEVER RAN"

UNEXPLAINED = {
    "RUNNING": "it has not ended yet",
    "NOT CHECKED": "it finished, but nothing judged its validity",
}
"""Why a run that gives no cause of its own is left out."""

ADAPTERS = "adapters"
"""The circumstance in which runs differ whose adapters are what is compared."""

Condition = tuple[tuple[str, Any], ...]
"""The settings, engine apart, that tell one run of a comparison from another."""


@dataclass(frozen=True)
class Run:
    """One job of a sweep, or one run directory.

    Attributes:
        path: its directory, which need not exist.
        state: a `State`, or NEVER_RAN or UNREADABLE.
        settings: its configuration, flat: `workload.alpha` → 1.0.
        cause: why it did not finish.
        validity: VALID, INVALID, or None while nobody has judged it.
        reasons: why it is INVALID.
        cautions: what a reader of its figures should know, valid or not.
        metrics: flat, by the names of the metrics' definitions; a text says why one is missing.
        trace: SHA-256 of its trace.
        work: the same with no adapter named.
        format: of its directory's files; 1 for those that carry no number.
        environment: machine, versions and hashes.
        started: wall-clock time of its start, ISO 8601.
        profiles: what each profiler left and said, by its name.
        complete: whether `settings` is its own configuration; else it is guessed from overrides.
        command: the command line of its sweep.
        cpus: processors that its sweep's launcher gave it, whichever they were; None for all.
        arm: what is compared: the engine, with those of its settings that differ between runs.
        condition: under which settings it is compared.
        named: circumstances that the arm's name says, because they are what is compared.
        machine: what its machine is called, to which its pairs keep; None where machines are what
            is compared.
    """

    path: Path
    state: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
    validity: str | None = None
    reasons: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    trace: str | None = None
    work: str | None = None
    format: int = FORMAT
    environment: Mapping[str, Any] = field(default_factory=dict)
    started: str | None = None
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    complete: bool = True
    command: str | None = None
    cpus: int | None = None
    arm: str = "?"
    condition: Condition = ()
    named: tuple[str, ...] = ()
    machine: str | None = None

    @property
    def sweep(self) -> Path:
        """The directory it stands in."""
        return self.path.parent

    @property
    def name(self) -> str:
        """The directory, short enough for a table."""
        return f"{self.sweep.name}/{self.path.name}"

    @property
    def repeat(self) -> int | None:
        """Number of the repetition."""
        return self.settings.get("repeat")

    @property
    def asked(self) -> str | None:
        """What a run must share with another to be held against it: its trace.

        Where adapters are what is compared, they alone may differ.
        """
        return self.work if ADAPTERS in self.named else self.trace

    @property
    def counts(self) -> bool:
        """Whether its numbers may enter means, ratios and plots."""
        return self.state == "FINISHED" and self.validity == "VALID"

    @property
    def verdict(self) -> str:
        """VALID, or the word for what keeps it out of the comparison."""
        if self.state != "FINISHED":
            return self.state
        return self.validity or "NOT CHECKED"

    @property
    def why(self) -> str:
        """What keeps it out of the comparison, in one printable line; empty when nothing does."""
        why = self.cause or "; ".join(self.reasons) or UNEXPLAINED.get(self.verdict, "")
        return printable(why)

    def number(self, metric: str) -> float | None:
        """The metric, or None when the run could not measure it: no figure is NaN or infinite."""
        value = self.metrics.get(metric)
        return float(value) if isinstance(value, int | float) and isfinite(value) else None


def read_run(path: Path) -> Run:
    """The run in a directory, whatever became of it."""
    if not path.is_dir():
        return Run(path, NEVER_RAN, cause="its directory was never made")
    directory = RunDirectory(path)
    if not (path / "status.json").exists():
        return Run(path, NEVER_RAN, _settings(directory), cause="it never got a status")
    try:
        with reading(path):
            return _read(directory)
    except UsageError as error:
        return Run(path, UNREADABLE, _settings(directory), cause=str(error))


def _read(directory: RunDirectory) -> Run:
    status = directory.status()
    metrics, trace = document(directory, "metrics.json"), document(directory, "trace.json")
    strays: tuple[str, ...] = ()
    if status.state is State.FINISHED:
        whole(directory, metrics)
        strays = tuple(each for each in directory.strays() if each not in status.reasons)
    return Run(
        path=directory.path,
        state=str(status.state),
        settings=_settings(directory),
        cause=status.cause,
        validity="INVALID" if strays else status.validity,
        reasons=(*status.reasons, *strays),
        cautions=status.cautions,
        metrics=metrics,
        trace=trace.get("sha256"),
        work=trace.get("work_sha256"),
        format=status.format,
        environment=document(directory, "environment.json"),
        started=stamp(directory, status.started),
        profiles=document(directory, "profile/README.json"),
    )


def _settings(directory: RunDirectory) -> Mapping[str, Any]:
    try:
        with reading(directory.path):
            return as_drawn(flatten(directory.config())) if directory.has("config.yaml") else {}
    except Unreadable:
        return {}
