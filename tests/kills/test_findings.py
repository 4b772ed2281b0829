"""Results that are lost, doubled, mixed up or cut off are seen on disk."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.files.documents import read_json, write_json
from pipeline.launch.parcel import ARRIVING
from tests.kills.conftest import JOBS
from tests.kills.findings import doubled, unfinished

RESULT = ("environment.json", "iterations.jsonl", "metrics.json", "requests.jsonl", "trace.json")


def exchange(sweep: Path, *names: str) -> None:
    """Two jobs have each other's files."""
    for name in names:
        one, other = sweep / "0" / name, sweep / "1" / name
        one.rename(sweep / "between")
        other.rename(one)
        (sweep / "between").rename(other)


def rows(sweep: Path, change: Callable[[list[str]], list[str]]) -> None:
    path = sweep / "0" / "requests.jsonl"
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


def status(sweep: Path, **values: object) -> None:
    path = sweep / "0" / "status.json"
    write_json(path, read_json(path) | values)


def compared_twice(sweep: Path) -> None:
    path = sweep / "comparison.json"
    known = json.loads(path.read_text())
    write_json(path, known | {"runs": [*known["runs"], known["runs"][0]]})


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a job never ran": (lambda sweep: (sweep / "0" / "status.json").unlink(), "configurations"),
    "a job's folder is gone": (lambda sweep: shutil.rmtree(sweep / "0"), "folders"),
    "a job stands twice": (lambda sweep: shutil.copytree(sweep / "0", sweep / "9"), "folders"),
    "a job hasn't ended": (lambda sweep: status(sweep, state="KILLED", cause="x"), "KILLED"),
    "an attempt is missing": (lambda sweep: status(sweep, attempt=2), "attempt 2, and []"),
    "two results are exchanged": (
        lambda sweep: exchange(sweep, "status.json", *RESULT, "trace.jsonl"),
        "holds the result of",
    ),
    "the same, but for the status": (
        lambda sweep: exchange(sweep, *RESULT, "trace.jsonl"),
        "its configuration draws",
    ),
    "a row is missing": (lambda sweep: rows(sweep, lambda known: known[1:]), "rows for"),
    "a row stands twice": (lambda sweep: rows(sweep, lambda known: [*known, known[0]]), "rows for"),
    "a run is compared twice": (compared_twice, "compared"),
    "no comparison": (lambda sweep: (sweep / "comparison.json").unlink(), "compared"),
    "a parcel is left": (lambda sweep: (sweep / "0" / f"{ARRIVING}x").mkdir(), "left behind"),
}


def test_nothing_is_found_where_nothing_is_wrong(sweep: Path) -> None:
    assert [*doubled(sweep), *unfinished(sweep, JOBS)] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_found(fault: str, sweep: Path) -> None:
    damage, said = FAULTS[fault]
    damage(sweep)
    assert said in "\n".join(unfinished(sweep, JOBS))


def test_rows_that_stand_twice_are_found_in_every_attempt(sweep: Path) -> None:
    rows(sweep, lambda known: [*known, known[0]])
    (found,) = doubled(sweep)
    shutil.move(sweep / "0", sweep / "1" / "earlier" / "1")
    assert "stand more than once" in found and len([*doubled(sweep)]) == 1


def test_rows_whose_trace_has_not_come_back_are_no_fault(sweep: Path) -> None:
    (sweep / "0" / "trace.jsonl").unlink()
    assert [*doubled(sweep)] == []
