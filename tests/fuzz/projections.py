"""First projections into new MLflow databases, in pairs and interrupted.

None may be broken, and no run lost or doubled:

    python -m tests.fuzz.projections --tries 50 --seed 0

Each try has a folder of its own: two runs that were made, and no database. One or two processes
show a run for the first time; of most tries one is ended by KILL, INT or TERM, at a random time
of the database's making or, in other tries, after it is there: inside the projection. Then
`python -m pipeline.tracking.sync` brings in what is there, and MLflow is asked what it has.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from typing import Any

from mlflow import MlflowClient

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.tracking.mlflow_view import MlflowSettings
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State, Status
from pipeline.tracking.sync import main as sync

SIGNALS = (Signals.SIGKILL, Signals.SIGINT, Signals.SIGTERM)
CONTEXT = multiprocessing.get_context("forkserver")
RUNS = 2


@dataclass
class Try:
    """One new folder, and who works in it.

    Attributes:
        folder: of the runs and of MLflow's files.
        kind: what is tried, in words.
        shown: numbers of the runs that are shown, a process each; twice the same is allowed.
        signal: what ends the first process; None for none.
        inside: whether it is ended after the database is there.
    """

    folder: Path
    kind: str
    shown: tuple[int, ...]
    signal: Signals | None = None
    inside: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        """MLflow's file."""
        return self.folder / "mlruns" / "mlflow.db"

    @property
    def uri(self) -> str:
        """MLflow's name for it."""
        return f"sqlite:///{self.database}"


def make_run(path: Path, number: int) -> None:
    """A run directory as a job leaves it."""
    run = RunDirectory(path)
    path.mkdir(parents=True)
    run.write_config(f"{{engine: {{name: noop}}, repeat: {number}, tracking: {{name: none}}}}")
    run.write_json("trace.json", {"sha256": f"{number:02d}" * 32, "requests": 40})
    run.write_json("environment.json", {"threads": 1})
    run.write_json("metrics.json", {f"metric/{n}": float(n + number) for n in range(200)})
    for index in range(20):
        stamps = (index + 0.2, index + 0.4)
        asked = (
            RequestRecord(
                2 * index + n,
                index,
                "a",
                5,
                index,
                index,
                0.0,
                index,
                stamps,
                index + 0.5,
                (1, 2),
                "ab",
            )
            for n in range(2)
        )
        run.append(Iteration(index, index, index + 1.0, {}, AdapterCounts(), 1.0), asked)
    times = ("2026-11-01T10:00:00+00:00", "2026-11-01T10:01:00+00:00")
    run.write_status(Status(f"id-{number}", State.FINISHED, *times, validity="VALID"))


def show(uri: str, run: str) -> None:
    """What a job's parent does when the job has ended."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    folder = Path(run).parents[1]
    settings = MlflowSettings("mlflow", uri, "multi-lora", str(folder / "mlruns" / "artifacts"))
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        sys.exit(_shown(settings, Path(run)))


def _shown(settings: MlflowSettings, run: Path) -> int:
    try:
        settings.tracker().project(run)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        (run.parent / f"said.{os.getpid()}").write_text(str(error))
        return 1
    return 0


def bring_in(uri: str, folder: str) -> None:
    """`python -m pipeline.tracking.sync`, its output kept."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    path = Path(folder) / "sync.txt"
    with path.open("w") as said, redirect_stdout(said), redirect_stderr(said):
        code = sync([str(Path(folder) / "runs"), "--uri", uri])
    sys.exit(code)


def attempted(each: Try, seconds: float, chance: random.Random) -> None:
    """Show, interrupt, sync, and look."""
    for number in range(RUNS):
        make_run(each.folder / "runs" / str(number), number)
    runs = [str(each.folder / "runs" / str(number)) for number in each.shown]
    processes = [CONTEXT.Process(target=show, args=(each.uri, run)) for run in runs]
    for process in processes:
        process.start()
    if each.signal is not None:
        while each.inside and not _whole(each.database) and processes[0].is_alive():
            time.sleep(0.002)
        time.sleep(chance.uniform(0, seconds / 5 if each.inside else seconds))
        if processes[0].is_alive():
            os.kill(processes[0].pid or 0, each.signal)
    for process in processes:
        process.join()
    unhurt = processes[1:] if each.signal is not None else processes
    for process in unhurt:
        if process.exitcode:
            said = " ".join(p.read_text() for p in (each.folder / "runs").glob("said.*"))
            each.faults.append(f"a projection nobody ended failed: {said}")
    later = CONTEXT.Process(target=bring_in, args=(each.uri, str(each.folder)))
    later.start()
    later.join()
    if later.exitcode:
        said = (each.folder / "sync.txt").read_text().strip()
        each.faults.append(f"broken: sync left with {later.exitcode}: {said[-300:]}")
        return
    each.faults += looked_at(each)


def _whole(database: Path) -> bool:
    return database.exists() and database.stat().st_size > 0


def looked_at(each: Try) -> list[str]:
    """What is wrong with what MLflow has."""
    faults = []
    client = MlflowClient(tracking_uri=each.uri)
    experiment = client.get_experiment_by_name("multi-lora")
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    counted = Counter(run.data.tags.get("pipeline.id") for run in runs)
    for number in range(RUNS):
        times = counted.pop(f"id-{number}", 0)
        if times != 1:
            faults.append(f"run {number} is there {times} times")
    if counted:
        faults.append(f"runs nobody made: {dict(counted)}")
    for run in runs:
        faults += _incomplete(client, run, each.folder)
    with closing(sqlite3.connect(each.database)) as database:
        if (said := database.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            faults.append(f"integrity_check: {said}")
    left = [path.name for path in each.database.parent.iterdir() if "draft" in path.name]
    return faults + [f"left behind: {name}" for name in left]


def _incomplete(client: MlflowClient, run: Any, folder: Path) -> list[str]:
    number = run.data.tags["pipeline.id"].removeprefix("id-")
    directory = folder / "runs" / number
    stored = json.loads((directory / "metrics.json").read_text())
    shown = {name: value for name, value in run.data.metrics.items() if name in stored}
    series = client.get_metric_history(run.info.run_id, "iteration/latency_s")
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    wanted = {path.name for path in directory.iterdir()} - {"mlflow.json"} | {"requests.json"}
    said = [
        (shown == stored, "metrics differ"),
        (len(series) == 20, f"a series of {len(series)} for 20 iterations"),
        (run.info.status == "FINISHED", f"its status is {run.info.status}"),
        (run.data.params.get("repeat") == number, "params are missing"),
        (len(run.inputs.dataset_inputs) == 1, "its dataset isn't there once"),
        (wanted <= files, f"artifacts are missing: {sorted(wanted - files)}"),
    ]
    return [f"run {number}: {fault}" for holds, fault in said if not holds]


def planned(number: int, folder: Path, chance: random.Random) -> Try:
    """What is tried, by turns."""
    ended, others = chance.choice(SIGNALS), chance.choice(((0,), (0, 1), (0, 0)))
    kinds: tuple[Callable[[], Try], ...] = (
        lambda: Try(folder, "two at once", (0, 1)),
        lambda: Try(folder, "interrupted while the database is made", (0,), ended),
        lambda: Try(folder, "one of two interrupted", (0, 1), ended),
        lambda: Try(folder, "interrupted inside the projection", others, ended, inside=True),
        lambda: Try(folder, "the same run by two, one interrupted", (0, 0), ended),
    )
    return kinds[number % len(kinds)]()


def main() -> int:
    """Try, print, and say with the exit code whether anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="number of the first try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="a whole first projection takes; else timed")
    chosen = parser.parse_args()
    CONTEXT.set_forkserver_preload(
        ["mlflow.store.tracking.sqlalchemy_store", "mlflow.db", "alembic"]
    )
    with tempfile.TemporaryDirectory() as place:
        seconds = chosen.seconds or timed(Path(place) / "timed")
        print(f"a first projection takes {seconds:.1f} s", flush=True)
        wrong, kinds = Counter[str](), Counter[str]()
        for number in range(chosen.first, chosen.first + chosen.tries):
            chance = random.Random(f"{chosen.seed}/{number}")
            each = planned(number, Path(place) / str(number), chance)
            attempted(each, seconds, chance)
            kinds[each.kind] += 1
            wrong[each.kind] += bool(each.faults)
            by = f", by {each.signal.name}" if each.signal else ""
            print(f"{number}: {each.kind}{by}: {'; '.join(each.faults) or 'whole'}", flush=True)
            shutil.rmtree(each.folder)
    for kind, times in kinds.items():
        print(f"{times} tries, {wrong[kind]} wrong: {kind}")
    print(f"{kinds.total()} tries, {wrong.total()} wrong")
    return int(wrong.total() > 0)


def timed(folder: Path) -> float:
    """Seconds of an undisturbed try."""
    each, begun = Try(folder, "timed", (0,)), time.monotonic()
    make_run(folder / "runs" / "0", 0)
    process = CONTEXT.Process(target=show, args=(each.uri, str(folder / "runs" / "0")))
    process.start()
    process.join()
    return time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
