"""A result that had come back and is gone, or another one, is seen."""

import shutil
from pathlib import Path

from pipeline.files.documents import read_json, write_json
from tests.kills.kept import Kept


def test_results_that_stay_are_no_fault(sweep: Path) -> None:
    kept = Kept(sweep)
    assert [*kept.lost(), *kept.lost()] == [] and len(kept.known) == 4
    assert [*Kept(sweep.parent / "none").lost()] == []


def test_results_that_are_gone_or_others_are_found(sweep: Path) -> None:
    kept = Kept(sweep)
    assert [*kept.lost()] == []
    shutil.rmtree(sweep / "0")
    status = read_json(sweep / "1" / "status.json")
    write_json(sweep / "1" / "status.json", status | {"finished": "2026-01-01T00:00:00+00:00"})
    with (sweep / "2" / "requests.jsonl").open("a") as rows:
        rows.write("{}\n")
    said = [line.removeprefix(f"{sweep}/") for line in kept.lost()]
    assert said == [
        "0: had finished, and hasn't any more",
        "1: had finished, and has another result now",
        "2: had finished, and has another result now",
    ]
