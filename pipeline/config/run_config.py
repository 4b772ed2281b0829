"""The configuration of one run: all groups, and what they must be to go together."""

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Literal

from pydantic import NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.adapters.source import AdapterSource
from pipeline.config.fidelity import Fidelity
from pipeline.config.limits import Limits, Paths
from pipeline.config.quality import Quality
from pipeline.engines.sampling import Sampling
from pipeline.engines.settings import EngineSettings
from pipeline.errors import UsageError
from pipeline.machine.cores import affinity, cores
from pipeline.metrics.capacity import Search
from pipeline.metrics.definitions import DEFINITIONS
from pipeline.metrics.metric import Metric
from pipeline.metrics.price import Price
from pipeline.metrics.slo import Slo
from pipeline.metrics.until import Until
from pipeline.metrics.validity import Validity
from pipeline.models.source import ModelSource
from pipeline.profilers.profiler import Profiler
from pipeline.settings import STRICT, Seed
from pipeline.tracking.tracker import TrackingSettings
from pipeline.workload.run_in import RunIn
from pipeline.workload.workload import Workload

Redo = Literal["unfinished", "invalid", "all"]
"""Which jobs run again in a directory in which they have run."""

THREADS_A_CPU = 4
"""Threads that may be asked for on each processor of the affinity mask. A few too many are an
experiment; a thousand end in an exception of the C++ library, or spend the day taking turns."""

FEW_THREADS = 16
"""So many may be asked for wherever the run takes place."""


def check_thread_count(threads: int | None) -> None:
    """Refuse far more compute threads than there are CPUs.

    Raises:
        UsageError: with both numbers.
    """
    cpus = len(affinity())
    most = max(FEW_THREADS, THREADS_A_CPU * cpus)
    if threads is not None and threads > most:
        raise UsageError(
            f"threads={threads}: more than {most}, and this process has {cpus} CPUs; "
            "more threads than CPUs only take turns"
        )


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RunConfig:
    """Everything that decides a run.

    Attributes:
        model: where the base model comes from.
        adapters: where the adapters come from.
        engine: who serves.
        workload: what is asked.
        profiler: who looks, after the timing.
        tracking: where runs are shown.
        fidelity: how the output is compared with a reference's.
        quality: how good the output is, by questions with known answers.
        paths: where things are.
        threads: compute threads; None takes the physical cores within affinity mask and CPU quota.
        repeat: number of the repetition.
        shuffle: seed of a sweep's order, drawn anew for each trace and repeat; None keeps the order
            given within each repeat.
        until: how long repeats are added to a sweep.
        redo: which jobs run again in a directory in which they have run: those that didn't finish,
            those that are INVALID, too, or all.
        isolation: a process of its own, or this one.
        limits: time and memory of the job.
        sampling: how tokens are chosen.
        slo: service-level objectives, for goodput.
        price: what the machine costs, for the cost of a million tokens.
        validity: what the machine must have let the engine have.
        metrics: others than the project's own, by what chose them.
        capacity: search for the highest rate at which `slo` is kept; None for one run as it is.
    """

    model: ModelSource
    adapters: AdapterSource
    engine: EngineSettings
    workload: Workload
    profiler: Profiler
    tracking: TrackingSettings
    fidelity: Fidelity
    paths: Paths
    threads: PositiveInt | None = None
    repeat: NonNegativeInt = 0
    shuffle: Seed | None = 0
    until: Until = field(default_factory=Until)
    redo: Redo = "unfinished"
    isolation: Literal["process", "inline"] = "process"
    limits: Limits = field(default_factory=Limits)
    quality: Quality = field(default_factory=Quality)
    sampling: Sampling = field(default_factory=Sampling)
    slo: Slo = field(default_factory=Slo)
    price: Price = field(default_factory=Price)
    validity: Validity = field(default_factory=Validity)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    capacity: Search | None = None

    def idle(self) -> Mapping[str, str]:
        """Limits that nobody watches, rates that a search sets."""
        found: dict[str, str] = {}
        if self.isolation == "inline":
            why = "a job inline has no limits; isolation=process would"
            found |= {f"limits.{each.name}": why for each in fields(self.limits)}
            del found["limits.jobs"]
        if self.capacity is not None:
            why = "a search for the capacity sets the rates; capacity=null would"
            found |= dict.fromkeys(("workload.rate", "workload.arrivals.rate"), why)
            why = "a search for the capacity asks workload.requests for the least"
            found |= {"workload.arrivals.requests": why}
        return found

    def __post_init__(self) -> None:
        check_thread_count(self.threads)
        self._check_metrics()
        if self.capacity is None:
            return
        if not self.slo.is_set:
            raise UsageError("capacity: needs a limit to keep; set slo.ttft, slo.tpot or slo.e2e")
        if not hasattr(getattr(self.workload, "arrivals", None), "rate"):
            raise UsageError(
                "capacity: searches over workload.rate, and these arrivals have none; "
                "use workload/arrivals=poisson"
            )
        if self.workload.waits_for_answers:
            raise UsageError(
                "capacity: later turns wait for answers (workload.prompts.turns=all), so no more "
                "is asked for than is served, at any rate; ask each on its own: turns=last"
            )
        if self.workload.run_in != RunIn():
            raise UsageError(
                "workload.run_in: a search gives every run a run-in of its own; set capacity.run_in"
            )

    def _check_metrics(self) -> None:
        names = [each.name for each in self.metrics.values()]
        for name in names:
            if name in DEFINITIONS or names.count(name) > 1:
                raise UsageError(f"metrics: {name} is a metric already; name it otherwise")

    @property
    def precision(self) -> str:
        """The one that limits how faithful the engine's answers can be."""
        return self.engine.coarsest(self.model.quantization)

    @property
    def compute_threads(self) -> int:
        """Threads the engine gets: those asked for, else one a core that this process may use."""
        return self.threads or cores().threads

    @property
    def threads_reason(self) -> str:
        """Why it gets so many, in a line."""
        return "asked for by threads=" if self.threads else cores().reason
