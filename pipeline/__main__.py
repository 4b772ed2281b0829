"""`python -m pipeline`: Hydra composes the jobs, then they are run in order."""

import os
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from pipeline.errors import UsageError
from pipeline.launch.composition import composed_once
from pipeline.launch.job import Job
from pipeline.launch.overrides import job_of, name_of, refuse_unread, without_repetitions
from pipeline.launch.resume import placed
from pipeline.launch.sweep import run_single, run_sweep
from pipeline.stages.preflight import preflight
from pipeline.tracking.run_directory import RunDirectory

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"


@dataclass
class Plan:
    """The jobs Hydra composed, before any of them is started.

    Attributes:
        jobs: what there is to do.
        repeating: jobs that would only do again what one of those does.
        refused: why others could not be built.
        sweep: directory of the sweep; None of a single run.
        folders: the directories Hydra made.
    """

    jobs: list[Job] = field(default_factory=list)
    repeating: list[Job] = field(default_factory=list)
    refused: list[UsageError] = field(default_factory=list)
    sweep: Path | None = None
    folders: list[Path] = field(default_factory=list)

    def add(self, config: DictConfig) -> None:
        """Take one composed job: build its typed configuration, or note why it can't be."""
        settings = HydraConfig.get()
        if settings.mode is RunMode.MULTIRUN:
            self.sweep = Path(settings.sweep.dir).absolute()
        self.folders.append(Path(settings.runtime.output_dir))
        directory, overrides = RunDirectory(self.folders[-1]), tuple(settings.overrides.task)
        try:
            self.jobs.append(job_of(config, overrides, directory))
        except UsageError as error:
            self.refused.append(error)

    def check(self) -> None:
        """Refuse the whole call if any job can't be run.

        Raises:
            UsageError: the first fault found.
        """
        if self.refused:
            raise self.refused[0]
        refuse_unread(self.jobs, CONF)
        preflight(job.config for job in self.jobs)
        self.jobs = placed(self.jobs, self.sweep)

    def left_out(self) -> str:
        """The jobs that are left out, and the overrides that change nothing in them."""
        names = dict.fromkeys(each for job in self.repeating for each in map(name_of, job.unread))
        jobs = f"{len(self.repeating)} of {len(self.repeating) + len(self.jobs)} jobs"
        return f"{jobs}, which don't read {', '.join(names)}"

    def tidy(self) -> None:
        """Remove the directories Hydra made while composing, if nothing has ever run there."""
        for folder in self.folders:
            RunDirectory(folder).remove_if_empty()
        if self.sweep and [each.name for each in self.sweep.iterdir()] == ["multirun.yaml"]:
            shutil.rmtree(self.sweep)


def compose() -> Plan:
    """Let Hydra read the command line and compose every job; nothing is run.

    Raises:
        UsageError: the command line asks for something that isn't there.
    """
    OmegaConf.register_new_resolver("project_root", lambda: str(ROOT), replace=True)
    os.environ["HYDRA_FULL_ERROR"] = "1"
    plan = Plan()
    try:
        with composed_once():
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(plan.add)()
    except (HydraException, OmegaConfBaseException) as error:
        raise UsageError(" ".join(str(error).split())) from error
    plan.jobs, plan.repeating = without_repetitions(plan.jobs)
    total = len(plan.jobs)
    plan.jobs = [replace(job, number=n, total=total) for n, job in enumerate(plan.jobs)]
    return plan


def main() -> int:
    """Compose, check everything, hand over; the exit code."""
    console = Console()
    plan = Plan()
    try:
        plan = compose()
        plan.check()
    except UsageError as error:
        plan.tidy()
        print(error, file=sys.stderr)
        return 2
    if not plan.jobs:
        return 0
    for job in plan.repeating:
        job.directory.remove_if_empty()
    if plan.repeating:
        console.print(f"left out, doing what another job does: {plan.left_out()}", markup=False)
    if plan.sweep is None:
        return run_single(plan.jobs[0], console)
    return run_sweep(plan.jobs, plan.sweep, console)


if __name__ == "__main__":
    sys.exit(main())
