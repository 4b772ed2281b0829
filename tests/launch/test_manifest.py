"""What a sweep was asked for is written down, and what its launcher gave each job."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.launch.job import Job
from pipeline.launch.manifest import write_manifest
from pipeline.tracking.sweep_directory import SweepDirectory

Jobs = Callable[..., list[Job]]


@pytest.mark.parametrize("cpus", [None, 2])
def test_how_many_processors_each_job_is_given_is_read_again(
    cpus: int | None, jobs: Jobs, tmp_path: Path
) -> None:
    made = jobs(("engine=noop",))
    write_manifest(made, made, tmp_path, Console(file=StringIO()), cpus)
    assert SweepDirectory.read(tmp_path).cpus == cpus
