"""Where a sweep is, by its files, whether its jobs run in its directory or away from it."""

import time
from pathlib import Path

import pytest

from pipeline.files.documents import write_json
from pipeline.launch.job_folder import PREFIX
from pipeline.launch.parcel import ARRIVING
from pipeline.tracking.lock import claimed
from tests.kills.moments import Scene

HERE, AWAY = "sweep/0", f"away/{PREFIX}x/run"


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of a job that is to run."""
    write_json(tmp_path / "sweep" / "sweep.json", {})
    return tmp_path / "sweep"


def say(run: Path, state: str) -> None:
    run.mkdir(parents=True, exist_ok=True)
    write_json(run / "status.json", {"state": state})


@pytest.mark.parametrize(("away", "place"), [(None, HERE), ("away", AWAY)])
def test_phases_follow_what_the_job_has_written(
    sweep: Path, tmp_path: Path, away: str | None, place: str
) -> None:
    scene = Scene(sweep, tmp_path / away if away else None)
    assert (Scene(tmp_path / "none").phase(1, 0), scene.phase(1, 0)) == ("start-up", "between jobs")
    assert scene.phase(1, time.time() + 1) == "start-up", "the sheet is an earlier command's"
    for run in {HERE, place}:
        say(tmp_path / run, "RUNNING")
    seen = []
    with claimed(tmp_path / place):
        for name in ("log.txt", "requests.jsonl", "metrics.json"):
            (tmp_path / place / name).write_text("")
            seen.append(scene.phase(1, 0))
    assert seen == ["job's start-up", "measure", "job's end"]
    if away:
        assert scene.phase(1, 0) == "on its way", "a killed worker's folder is nobody's"
        (tmp_path / HERE / f"{ARRIVING}x").mkdir()
        assert scene.phase(1, 0) == "on its way", "nor is one that a killed command left"
        with claimed(tmp_path / HERE):
            assert scene.phase(1, 0) == "coming back"
    say(tmp_path / HERE, "FINISHED")
    assert (scene.phase(1, 0), scene.phase(2, 0)) == ("comparison", "between jobs")
    write_json(sweep / "comparison.json", {})
    assert (scene.phase(1, 0), scene.phase(2, 0)) == ("MLflow", "MLflow")


def test_files_that_do_not_last_are_counted_all_the_same(sweep: Path) -> None:
    moment = Scene(sweep).job_moments(2)[-2]  # The second job's rows.
    time.sleep(0.05)  # Files' stamps lag behind the clock.
    for job in ("0", "1"):
        assert not moment()
        written = sweep / job / "requests.jsonl"
        written.parent.mkdir()
        written.write_text("")
        seen = moment()
        written.unlink()
    assert seen
