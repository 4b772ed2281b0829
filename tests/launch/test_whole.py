"""Every file of a run but its rows and its log is written under another name, and renamed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.load import load
from pipeline.launch.attempt import attempt
from pipeline.launch.job import Job
from pipeline.tracking.lock import claimed
from pipeline.tracking.run_directory import RunDirectory
from pipeline.tracking.status import State

GROWING = {"requests.jsonl", "iterations.jsonl", "log.txt"}
SETUP = ("+experiment=smoke", "engine=noop", "isolation=inline", "tracking=none")

opened: list[tuple[str, str]] = []
"""What was opened for writing, and how, while anybody listens."""


@pytest.fixture
def listening() -> Any:
    """An audit hook can't be taken away again, so it is told when not to listen."""
    on = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if on and event == "open" and isinstance(arguments[1], str):
            path, mode, _ = arguments
            if set(mode) & set("wax+"):
                opened.append((str(path), mode))

    sys.addaudithook(hook)
    yield
    on = False


def test_no_file_is_written_in_place(
    values: Callable[..., dict[str, Any]], tmp_path: Path, listening: None
) -> None:
    made = values(*SETUP, "fidelity.enabled=false")
    job = Job(made, load(made), RunDirectory(tmp_path / "job"), ())
    opened.clear()
    with claimed(job.directory.path) as lock:
        assert attempt(job, "id", lock).state is State.FINISHED
    written = {Path(path).name for path, _ in opened if path.startswith(str(job.directory.path))}
    drafts = {name for name in written if name.startswith(".")}
    assert written - drafts <= GROWING
    assert {name.rpartition(".")[0].lstrip(".") for name in drafts} >= {
        *("config.yaml", "status.json", "trace.jsonl", "trace.json"),
        *("environment.json", "metrics.json", "fidelity.json"),
    }
