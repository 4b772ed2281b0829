"""The jobs of a call, composed and checked before any of them is started."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from pipeline.errors import UsageError
from pipeline.launch.composed import Composed
from pipeline.launch.growth import added, check_growth, repeats
from pipeline.launch.job import Job
from pipeline.launch.launchers.launcher import Launcher
from pipeline.launch.launchers.local import Local
from pipeline.launch.overrides import (
    name_of,
    refuse_unused,
    without_repetitions,
)
from pipeline.launch.resume import placed
from pipeline.launch.storage import settle_caches
from pipeline.places import CONF
from pipeline.stages.preflight import preflight
from pipeline.tracking.run_directory import RunDirectory


@dataclass
class Plan:
    """The jobs Hydra composed, before any of them is started.

    Attributes:
        composed: as Hydra left them.
        jobs: what there is to do.
        repeating: jobs that would only do again what one of those does.
        unfit: what of an experiment was left out, and for which choice.
        launcher: where the jobs run.
        sweep: directory of the sweep; None of a single run.
        hydras_own: what was typed for Hydra itself.
        renamed: what was typed in a spelling of before, with today's.
    """

    composed: list[Composed] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    repeating: list[Job] = field(default_factory=list)
    unfit: dict[str, str] = field(default_factory=dict)
    launcher: Launcher = field(default_factory=Local)
    sweep: Path | None = None
    hydras_own: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)

    def take(self, config: DictConfig) -> None:
        """Note one composed job; Hydra calls it as if it were the job."""
        settings = HydraConfig.get()
        if settings.mode is RunMode.MULTIRUN:
            self.sweep = Path(settings.sweep.dir).absolute()
        self.hydras_own = tuple(settings.overrides.hydra)
        typed = OmegaConf.to_container(settings.overrides.task, resolve=False)
        assert isinstance(typed, list)
        groups = {name_of(each): each for each in settings.runtime.choices}
        directory = Path(settings.runtime.output_dir)
        self.composed.append(Composed(config, directory, tuple(typed), groups))

    def build(self) -> None:
        """Make jobs of what was composed, each once.

        Raises:
            UsageError: the first job that can't be one.
        """
        _refuse_the_other_directory(self.hydras_own, self.sweep)
        places = [each.launcher() for each in self.composed]
        if any(each != places[0] for each in places):
            raise UsageError("launcher: is one for the whole call; give it one value")
        self.launcher = next(iter(places), self.launcher)
        jobs, self.repeating = without_repetitions([each.job() for each in self.composed])
        self.jobs = [replace(job, number=n, total=len(jobs)) for n, job in enumerate(jobs)]

    def check(self) -> None:
        """Refuse the whole call if any job can't be run.

        Raises:
            UsageError: the first fault found.
        """
        refuse_unused(self.jobs, CONF)
        for name in ("redo", "until"):
            if len({getattr(job.config, name) for job in self.jobs}) > 1:
                raise UsageError(f"{name}: is one for the whole call; give it one value")
        check_growth(self.jobs)
        self.launcher.check([job.config for job in self.jobs])
        for job in self.jobs[:1]:
            settle_caches(Path(job.config.paths.cache))
        preflight(job.config for job in self.jobs)

    @property
    def root(self) -> Path:
        """Directory of the sweep, or of the single run."""
        return self.sweep or self.jobs[0].directory.path

    def place(self) -> None:
        """Give every job its directory; nobody else may work in `root` meanwhile.

        Of a sweep that grows, the repeats that were added to it before are jobs, too.

        Raises:
            UsageError: other runs are there.
        """
        jobs = self.jobs
        if self.sweep and jobs[0].config.until.half_width is not None:
            for repeat in range(repeats(jobs), added(self.sweep)):
                jobs = [*jobs, *self.repeated(jobs, repeat)]
        self.jobs = placed(jobs, self.sweep)

    def grown(self, jobs: Sequence[Job]) -> list[Job]:
        """Those jobs, which have their directories, and after them those of one more repeat."""
        more = self.repeated(jobs, repeats(jobs))
        return placed([*jobs, *more], self.sweep)

    def repeated(self, jobs: Sequence[Job], repeat: int) -> list[Job]:
        """The jobs of one more repeat: what is composed for the last one asked for, once more."""
        sweep = self.sweep
        assert sweep is not None
        kept = {job.overrides for job in jobs}
        composed = [(each, each.job()) for each in self.composed]
        last = max(job.config.repeat for _, job in composed)
        again = [
            each.again(repeat).job()
            for each, job in composed
            if job.config.repeat == last and job.overrides in kept
        ]
        total, taken = len(jobs) + len(again), {job.directory.path for job in jobs}
        free = (path for n in count() if (path := sweep / str(n)) not in taken)
        return [
            replace(job, directory=RunDirectory(next(free)), number=number, total=total)
            for number, job in enumerate(again, start=len(jobs))
        ]

    def notes(self) -> list[str]:
        """What of the command or of its experiment is left out, a line each."""
        notes = [f"{old} is called {new} now" for old, new in self.renamed.items()]
        if self.unfit:
            choices = ", ".join(dict.fromkeys(self.unfit.values()))
            notes.append(f"left out of the experiment for {choices}: {', '.join(self.unfit)}")
        if self.repeating:
            notes.append(f"left out, doing what another job does: {self.left_out()}")
        return notes

    def left_out(self) -> str:
        """The jobs that are left out, and the overrides that change nothing in them."""
        names = dict.fromkeys(each for job in self.repeating for each in map(name_of, job.unused))
        jobs = f"{len(self.repeating)} of {len(self.repeating) + len(self.jobs)} jobs"
        return f"{jobs}, which don't read {', '.join(names)}"

    def tidy(self) -> None:
        """Remove the directories Hydra made while composing, if nothing has ever run there."""
        for each in self.composed:
            RunDirectory(each.directory).remove_if_empty()
        left = [each.name for each in self.sweep.iterdir()] if self.sweep else []
        if self.sweep and left == ["multirun.yaml"]:
            (self.sweep / "multirun.yaml").unlink()
            RunDirectory(self.sweep).remove_if_empty()


def _refuse_the_other_directory(typed: Iterable[str], sweep: Path | None) -> None:
    """A sweep's in a single run, or the other way round: it would be passed over."""
    what, own, other = "single run", "hydra.run.dir", "hydra.sweep."
    if sweep is not None:
        what, own, other = "sweep", "hydra.sweep.dir", "hydra.run."
    for each in typed:
        if each.startswith(other):
            raise UsageError(f"{each}: this is a {what}, whose directory is {own}=…")
