"""The command, killed, stopped, started twice and started again: nothing lost, nothing doubled."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psutil
import pytest

from pipeline.__main__ import main
from pipeline.errors import UsageError
from pipeline.launch import sweep as launch_sweep
from pipeline.launch.compose import compose
from pipeline.process.signals import Stopped, stoppable
from pipeline.tracking import lock
from pipeline.tracking.lock import claimed, is_claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State
from tests.waiting import gone, until

ROOT = Path(__file__).parents[2]
SETUP = (
    *("+experiment=smoke", "threads=1", "tracking=none", "fidelity.enabled=false"),
    *("validity.min_utilisation=null", "validity.max_steal=null"),
)
LONG = "workload.iterations=2000"

Call = Callable[..., int]
Held = tuple[Path, tuple[str, ...]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_S", 0.0)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls the command in this process, which has everything imported."""

    def called(*arguments: str) -> int:
        here = (f"paths.runs={tmp_path}/runs", f"paths.mlruns={tmp_path}/mlruns")
        monkeypatch.setattr(sys, "argv", ["pipeline", *arguments, *SETUP, *here])
        return main()

    return called


@pytest.fixture
def quick(call: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    """The same without a process a job, and without a comparison."""
    monkeypatch.setattr(launch_sweep, "_compare", lambda *_: None)
    return lambda *arguments: call(*arguments, "engine=noop", "isolation=inline")


def whole(run: RunDirectory, attempt: int) -> None:
    """Its rows are those of its trace, once each, and its attempts are counted."""
    status = run.status()
    assert (status.state, status.attempt) == (State.FINISHED, attempt)
    asked = [json.loads(line)["id"] for line in run.trace.read_text().splitlines()]
    assert sorted(row.id for row in run.requests()) == sorted(asked)


def test_a_killed_command_takes_its_job_along_and_the_next_one_goes_on(
    tmp_path: Path, call: Call, held: Held
) -> None:
    single, (there, engine) = RunDirectory(tmp_path / "run"), held
    here = (*engine, f"hydra.run.dir={single.path}")
    runs = f"paths.runs={tmp_path}/runs"
    command = [sys.executable, "-m", "pipeline", *here, *SETUP, runs, LONG]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    until(lambda: single.has("requests.jsonl"))
    assert single.status().state is State.RUNNING
    (job,) = psutil.Process(running.pid).children()
    running.kill()
    running.wait()
    until(lambda: gone(job.pid))
    until(lambda: not is_claimed(single.path))
    killed = single.status()
    assert killed.state is State.KILLED and killed.finished
    kept = len(single.requests())
    there.unlink()
    assert call(*here, "workload.iterations=3") == 2, "the run of another configuration stays"
    assert single.status() == killed
    written = json.loads((single.path / "status.json").read_text())
    (single.path / "config.yaml").write_text(
        (single.path / "config.yaml").read_text().replace("2000", "3")
    )
    assert call(*here, "workload.iterations=3") == 0
    whole(single, attempt=2)
    assert single.status().id == written["id"]
    earlier = RunDirectory(single.path / "earlier" / "1")
    assert json.loads((earlier.path / "status.json").read_text())["state"] == "KILLED"
    assert len(earlier.requests()) == kept


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_told_to_stop_it_keeps_what_was_measured_and_says_how_to_go_on(
    number: signal.Signals, tmp_path: Path, call: Call, held: Held
) -> None:
    job = RunDirectory(tmp_path / "sweep" / "0")

    def send() -> None:
        until(lambda: job.has("requests.jsonl"))
        os.kill(os.getpid(), number)

    Thread(target=send, daemon=True).start()
    with pytest.raises(Stopped) as stopped, stoppable():
        call("-m", *held[1], f"hydra.sweep.dir={tmp_path}/sweep", "repeat=0,1", LONG)
    assert stopped.value.__notes__ == [
        "what was measured is kept",
        f"to go on, the same command with hydra.sweep.dir={tmp_path}/sweep",
    ]
    status = job.status()
    assert (status.state, status.cause) == (State.KILLED, f"stopped by {number.name}")
    assert job.requests() and not is_claimed(job.path)
    assert not RunDirectory(tmp_path / "sweep" / "1").has("status.json")


def test_a_comparison_that_is_stopped_costs_no_run(
    tmp_path: Path, quick: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(launch_sweep, "_compare", compare)
    with pytest.raises(Stopped, match="SIGHUP"), stoppable():
        quick("-m", f"hydra.sweep.dir={tmp_path}/sweep", "repeat=0,1")
    for name in "01":
        whole(RunDirectory(tmp_path / "sweep" / name), attempt=1)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_what_goes_wrong_with_a_request_that_has_begun_is_one_line_too(
    tmp_path: Path,
    quick: Call,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuses(*_: object) -> int:
        raise UsageError("its trace is of another format")

    monkeypatch.setattr("pipeline.__main__.run_single", refuses)
    assert quick(f"hydra.run.dir={tmp_path}/run") == 1
    assert refusal(capsys) == "its trace is of another format"
    assert (tmp_path / "run").is_dir()


@pytest.mark.parametrize("kind", ["sweep", "run"])
def test_a_second_command_in_one_directory_is_refused(
    kind: str, tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    many = ("-m", "repeat=0,1") if kind == "sweep" else ()
    with claimed(tmp_path / "place"):
        assert quick(*many, f"hydra.{kind}.dir={tmp_path}/place") == 2
    assert f"{tmp_path}/place: process {os.getpid()} works there" in refusal(capsys)


def test_a_job_that_another_process_runs_is_left_alone(
    tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    with claimed(tmp_path / "sweep" / "0"):
        assert quick("-m", f"hydra.sweep.dir={tmp_path}/sweep", "repeat=0,1") == 1
    said = capsys.readouterr().out
    assert "left alone" in said and "1 of 2 jobs did not finish" in said
    whole(RunDirectory(tmp_path / "sweep" / "1"), attempt=1)


@pytest.mark.parametrize("folder", ["same", "a/${hydra.job.num}", ".", "../${hydra.job.num}"])
def test_jobs_without_a_folder_of_their_own_are_refused(
    folder: str, tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    where = (f"hydra.sweep.dir={tmp_path}/sweep", f"hydra.sweep.subdir={folder}")
    assert quick("-m", *where, "repeat=0,1") == 2
    assert "hydra.sweep.subdir" in refusal(capsys)


def test_a_run_s_directory_is_no_sweep_s_nor_the_other_way_round(
    tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quick(f"hydra.run.dir={tmp_path}/run") == 0
    assert quick("-m", f"hydra.sweep.dir={tmp_path}/run", "repeat=0,1") == 2
    assert "is a run's" in refusal(capsys)
    assert quick("-m", f"hydra.sweep.dir={tmp_path}/sweep", "repeat=0,1") == 0
    assert quick(f"hydra.run.dir={tmp_path}/sweep") == 2
    assert "is a sweep's" in refusal(capsys)


def test_a_single_run_is_repeated_only_when_asked_for(
    tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory(tmp_path / "run")
    here = f"hydra.run.dir={run.path}"
    assert quick(here) == 0
    first = run.status()
    assert quick(here) == 0
    assert "already FINISHED" in capsys.readouterr().out
    assert run.status() == first and not (run.path / "earlier").exists()
    said = json.loads((run.path / "status.json").read_text())
    invalid = said | {"validity": "INVALID", "reasons": ["late"]}
    (run.path / "status.json").write_text(json.dumps(invalid))
    assert quick(here) == 0
    assert "redo=invalid" in capsys.readouterr().out
    assert run.status().attempt == 1
    assert quick(here, "redo=invalid") == 0
    whole(run, attempt=2)
    assert run.status().id == first.id
    assert "redo" not in run.config()
    assert quick(here, "redo=all") == 0
    whole(run, attempt=3)


def test_which_are_redone_is_one_choice_for_all(
    tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quick("-m", f"hydra.sweep.dir={tmp_path}/sweep", "redo=invalid,all") == 2
    assert "redo" in refusal(capsys)


def test_damaged_files_are_named_and_the_sweep_goes_on(
    tmp_path: Path, quick: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep"
    asked = ("-m", f"hydra.sweep.dir={sweep}", "repeat=0,1,2")
    assert quick(*asked) == 0
    ids = [RunDirectory(sweep / name).status().id for name in "012"]
    (sweep / "sweep.json").write_text('{"jobs": [')
    (sweep / "0" / "status.json").write_text("[]")
    (sweep / "2" / "config.yaml").write_text("{")
    assert quick(*asked) == 0
    said = "".join(capsys.readouterr().out.split("\n"))
    for name in ("sweep.json", "0/status.json", "2/config.yaml"):
        assert f"{sweep}/{name}: can't be read" in said
    for name, attempt in (("0", 2), ("1", 1), ("2", 2)):
        whole(RunDirectory(sweep / name), attempt)
    assert [RunDirectory(sweep / name).status().id for name in "012"] == ids
    assert (sweep / "0" / "earlier" / "1" / "status.json").read_text() == "[]"


def test_a_job_inline_takes_no_limits(quick: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert quick("limits.seconds=5") == 2
    assert "a job inline has no limits" in refusal(capsys)


@pytest.mark.parametrize("mode", [(), ("-m", "repeat=0,1")])
def test_directories_of_one_second_differ(
    mode: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = (f"paths.runs={tmp_path}/runs", f"paths.mlruns={tmp_path}/mlruns")
    monkeypatch.setattr(sys, "argv", ["pipeline", *mode, *SETUP, *here])
    root = compose().root
    assert root.parent == tmp_path / "runs"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{6}(_sweep)?", root.name)
    assert [path.name for path in root.parent.iterdir()] == [root.name]
