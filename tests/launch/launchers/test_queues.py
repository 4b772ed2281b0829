"""What SLURM's commands say, and what is made of it; the commands are scripts here."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.errors import UsageError
from pipeline.launch.launchers.queues import Processes, SlurmQueue, Standing

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo")
Says = Callable[[str, str], None]
JOB = SimpleNamespace(job_id="17")


@pytest.fixture
def says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Makes a command of SLURM's do what a line of shell does."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def made(name: str, line: str) -> None:
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)

    return made


def test_without_its_commands_there_is_no_slurm(says: Says) -> None:
    says("sbatch", "exit 0")
    with pytest.raises(UsageError, match=r"no srun here.*launcher\.executor=local"):
        SlurmQueue().check()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("echo 'Unable to contact slurm controller' >&2; exit 1", "Unable to contact"),
        ("exit 0", "it has no node"),
    ],
)
def test_one_that_does_not_answer_is_none(line: str, why: str, says: Says) -> None:
    for name in COMMANDS:
        says(name, line)
    with pytest.raises(UsageError, match=why):
        SlurmQueue().check()


def test_one_that_answers_will_do(says: Says) -> None:
    for name in COMMANDS:
        says(name, "echo idle")
    SlurmQueue().check()


@pytest.mark.parametrize(
    ("line", "standing"),
    [
        ("echo 'RUNNING|None'", Standing(True)),
        ("echo 'PENDING|None'", Standing(True)),
        ("echo 'PENDING|Nodes are DOWN, or DRAINED'", Standing(True, "Nodes are DOWN, or DRAINED")),
        ("echo 'COMPLETING|Resources'", Standing(True)),
        ("exit 0", Standing(False)),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", Standing(False)),
        ("echo 'slurm_load_jobs error: Unable to contact controller' >&2; exit 1", Standing(True)),
    ],
)
def test_a_job_stands_as_squeue_says(line: str, standing: Standing, says: Says) -> None:
    says("squeue", line)
    assert SlurmQueue().standing(JOB) == standing


@pytest.mark.parametrize(
    ("line", "serves"),
    [
        ("echo idle", True),
        ("echo allocated", True),
        ("echo mixed", True),
        ("echo idle~", True),
        ("echo 'idle*'", False),
        ("echo down", False),
        ("echo 'down*'", False),
        ("echo drained", False),
        ("exit 1", True),
        ("exit 0", True),
    ],
)
def test_a_node_serves_unless_sinfo_says_otherwise(line: str, serves: bool, says: Says) -> None:
    says("sinfo", line)
    assert SlurmQueue().serves("node-a") is serves


def test_a_job_has_its_node_for_itself_unless_it_takes_a_part() -> None:
    assert SlurmQueue().options(None, None) == {"slurm_exclusive": True}
    asked = SlurmQueue().options("node-a", 4)
    assert asked == {"cpus_per_task": 4, "slurm_nodelist": "node-a"}


def test_processes_are_held_until_they_are_done() -> None:
    queue = Processes()
    queue.check()
    assert queue.standing(SimpleNamespace(done=lambda: False)) == Standing(True)
    assert queue.standing(SimpleNamespace(done=lambda: True)) == Standing(False)
    assert queue.serves("anywhere") and queue.options("anywhere", 2) == {}
