"""What a comparison reads of a run's documents, by type: anything else in its place is damage."""

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime, TypeAdapter
from typing_extensions import TypedDict

from pipeline.errors import Unreadable
from pipeline.files.documents import reading
from pipeline.tracking.run_directory import RunDirectory


class Cpu(TypedDict, total=False):
    """Of `environment.json`: the processor, and what of it the run might use."""

    model: str | None
    vendor: str | None
    family: int | None
    model_number: int | None
    stepping: int | None
    affinity: list[int] | None
    flags: list[str] | None
    logical_cores: int | None


class Memory(TypedDict, total=False):
    """Of `environment.json`."""

    total_bytes: int | None


class Git(TypedDict, total=False):
    """Of `environment.json`: the state of the program."""

    commit: str | None
    dirty: bool | None


class Environment(TypedDict, total=False):
    """`environment.json`, as far as its types matter."""

    hostname: str | None
    machine_id: str | None
    time: str | None
    cpu: Cpu | None
    memory: Memory | None
    backend: dict[str, Any] | None
    versions: dict[str, Any] | None
    hashes: dict[str, Any] | None
    git: Git | None


class TraceDocument(TypedDict, total=False):
    """`trace.json`."""

    sha256: str | None
    work_sha256: str | None


DOCUMENTS: Mapping[str, TypeAdapter[Any]] = {
    "environment.json": TypeAdapter(Environment),
    "trace.json": TypeAdapter(TraceDocument),
    "metrics.json": TypeAdapter(dict[str, Any]),
    "profile/README.json": TypeAdapter(dict[str, dict[str, Any]]),
}
STAMP: TypeAdapter[AwareDatetime] = TypeAdapter(AwareDatetime)


def document(run: RunDirectory, name: str) -> Mapping[str, Any]:
    """One of the run's documents; empty when the run never wrote it.

    Raises:
        Unreadable: it is damaged, or holds other types than its writer's.
    """
    found = run.json(name)
    with reading(run.path / name):
        DOCUMENTS[name].validate_python(found, strict=True)
    return found


def stamp(run: RunDirectory, text: str) -> str:
    """`text` of the run's status, which must be a time with its zone.

    Raises:
        Unreadable: it isn't.
    """
    with reading(run.path / "status.json"):
        STAMP.validate_python(text)
    return text


def whole(run: RunDirectory, metrics: Mapping[str, Any]) -> None:
    """See that what a finished run can't do without is there: its settings, and its rows.

    Raises:
        Unreadable: one of them is damaged, or there are fewer or more than the run counted.
    """
    run.config()
    rows, counted = len(run.measured()), metrics.get("requests")
    run.iterations()
    if isinstance(counted, int | float) and rows != counted:
        raise Unreadable(
            f"{run.path / 'requests.jsonl'}: has {rows} measured requests, metrics.json counted "
            f"{counted:g}"
        )
