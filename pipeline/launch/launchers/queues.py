"""Where submitit's executors put jobs: what is said of them there, for submitit asks accounting.

A cluster need not keep accounts, and a job that has died would be waited for without end.
"""

import shutil
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from pipeline.errors import UsageError

ANSWERS_S = 60.0
"""How long SLURM's controller may take to answer."""

DOWN = frozenset(("down", "drained", "draining", "fail", "failing", "error", "unknown"))
"""States of a node on which nothing new begins."""


NO_REASON = ("", "None")
"""What SLURM says of a job that it hasn't looked at yet."""


@dataclass(frozen=True)
class Standing:
    """How a submitted job stands.

    Attributes:
        held: whether it waits or runs, as far as is known.
        waits: why it hasn't begun, in the queue's words; empty where it has, or nobody knows.
    """

    held: bool
    waits: str = ""


class Queue(ABC):
    """What an executor works through."""

    @abstractmethod
    def check(self) -> None:
        """See that there is one.

        Raises:
            UsageError: there is none; says what is missing.
        """

    @abstractmethod
    def standing(self, job: Any) -> Standing:
        """How a submitted job stands."""

    @abstractmethod
    def serves(self, node: str) -> bool:
        """Whether a node takes jobs, as far as is known."""

    @abstractmethod
    def options(self, node: str | None, cpus: int | None) -> dict[str, Any]:
        """What a submission asks for, in submitit's words.

        Args:
            node: the only one that will do; None if any does.
            cpus: processors of it; None for the whole node.
        """


class SlurmQueue(Queue):
    """SLURM's own."""

    def check(self) -> None:
        """See that its commands are there, and that it answers."""
        for name in ("sbatch", "srun", "squeue", "scancel", "sinfo"):
            if shutil.which(name) is None:
                raise UsageError(
                    f"launcher=slurm: no {name} here; give the command on a machine from which "
                    "jobs are submitted, or try it without SLURM: launcher.executor=local"
                )
        answer = _ask("sinfo", "--noheader", "--format=%T")
        if answer.returncode or not answer.stdout.strip():
            said = " ".join(answer.stderr.split()) or "it has no node"
            raise UsageError(f"launcher=slurm: SLURM doesn't answer ({said[:200]}); try `sinfo`")

    def standing(self, job: Any) -> Standing:
        """As `squeue` lists it; where there is no answer, nothing has changed."""
        answer = _ask("squeue", "--noheader", f"--jobs={job.job_id}", "--format=%T|%r")
        if answer.returncode:
            return Standing("Invalid job id" not in answer.stderr)
        state, _, reason = answer.stdout.strip().partition("|")
        is_told = state == "PENDING" and reason not in NO_REASON
        return Standing(bool(state), reason if is_told else "")

    def serves(self, node: str) -> bool:
        """Whether `sinfo` finds it up and answering."""
        answer = _ask("sinfo", "--noheader", f"--nodes={node}", "--format=%T")
        states = answer.stdout.split()
        if answer.returncode or not states:
            return True
        return not states[0].endswith("*") and states[0].rstrip("*~#!%$@^-+") not in DOWN

    def options(self, node: str | None, cpus: int | None) -> dict[str, Any]:
        """A node for itself, or some of its processors; a job is not begun anew by SLURM."""
        share: dict[str, Any] = {"slurm_exclusive": True}
        if cpus is not None:
            share = {"cpus_per_task": cpus}
        return share | ({"slurm_nodelist": node} if node else {})


class Processes(Queue):
    """Processes of this machine, which submitit starts at once."""

    def check(self) -> None:
        """Nothing: there always is one."""

    def standing(self, job: Any) -> Standing:
        """Held as long as its process lives."""
        return Standing(not job.done())

    def serves(self, node: str) -> bool:
        """It does: it is this one."""
        return True

    def options(self, node: str | None, cpus: int | None) -> dict[str, Any]:
        """Nothing: processes are not kept apart."""
        return {}


def _ask(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ANSWERS_S)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, 1, "", str(late))
