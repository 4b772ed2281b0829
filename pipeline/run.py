"""One run: seven stages in order, and the reference's answers before the engine comes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pipeline.config.run_config import RunConfig
from pipeline.metrics.dispatch import held_back
from pipeline.metrics.quality import quality
from pipeline.metrics.timeline import Iteration, RequestRecord, Timeline
from pipeline.metrics.validity import starved, strained
from pipeline.stages.build import build
from pipeline.stages.cautions import cautions, found_computed
from pipeline.stages.check import check
from pipeline.stages.fidelity import examine, judge
from pipeline.stages.measure import measure
from pipeline.stages.prepare import prepare
from pipeline.stages.profile import profile
from pipeline.stages.quality import ask
from pipeline.stages.record import record
from pipeline.stages.reference import refer
from pipeline.stages.unchanged import changed, stamps
from pipeline.stages.warmup import warmup
from pipeline.tracking.environment import environment
from pipeline.tracking.run_directory import RunDirectory
from pipeline.workload.trace import Trace


class ProgressListener(Protocol):
    """Is told how far a run has come."""

    def stage(self, name: str) -> None:
        """A stage begins."""

    def counting(
        self, iterations: int, keep: Callable[[Iteration, list[RequestRecord]], None]
    ) -> Callable[[Iteration, list[RequestRecord]], None]:
        """`keep`, which also counts the iterations."""

    def done(self) -> None:
        """The run is over."""


@dataclass(frozen=True)
class Result:
    """What a run that reached its end says of itself.

    Attributes:
        reasons: why it is INVALID, if it is.
        cautions: what a reader of its figures should know, valid or not.
    """

    reasons: tuple[str, ...]
    cautions: tuple[str, ...] = ()


def run(config: RunConfig, directory: RunDirectory, progress: ProgressListener) -> Result:
    """Prepare, build, warm up, measure, profile, check and record.

    Everything measured is on disk as soon as its iteration has ended.
    """
    progress.stage("prepare")
    prepared = prepare(config)
    before = stamps(prepared.folders())
    trace, hashes = prepared.trace, prepared.hashes()
    trace.write(directory.trace)
    circumstances = environment(config.compute_threads, config.threads_reason, hashes)
    directory.write_json("environment.json", circumstances)

    progress.stage("reference")
    reference = refer(config, prepared, hashes["model"])

    progress.stage("build")
    with build(config, prepared, directory.server) as built:
        circumstances["backend"] = asdict(built.engine.backend)
        directory.write_json("environment.json", circumstances)

        progress.stage("warm up")
        warmup_s = warmup(config, trace, built.engine)

        keep = progress.counting(len(trace.iterations), directory.append)
        threads = config.compute_threads
        timeline = measure(
            trace, config.workload.run_in, built.engine, keep, built.load_s, warmup_s, threads
        )
        figures, notes = built.figures, built.engine.notes
        record(config, timeline, figures, {}, directory)

        progress.stage("profile")
        profiles = profile(config, prepared, timeline, built.engine, directory.profile)

        progress.stage("check")
        findings = examine(config, reference, built.engine, timeline, trace.requests)
        answers = ask(prepared.questions, built.engine)

    figures |= findings.metrics(trace.adapters) | quality(answers.judged, trace.adapters)
    directory.write_json("fidelity.json", findings.document())
    record(config, timeline, figures, profiles, directory)
    progress.done()
    missed, doubts = judge(config, findings)
    kept = directory.requests()
    result = _result(config, trace, hashes["trace"], timeline, kept, circumstances)
    reasons = (*result.reasons, *changed(before), *missed, *answers.faults)
    return Result(reasons, (*result.cautions, *notes, *doubts))


def _result(
    config: RunConfig,
    trace: Trace,
    written_sha256: str,
    timeline: Timeline,
    kept: Sequence[RequestRecord],
    circumstances: Mapping[str, Any],
) -> Result:
    """All that is to be said of the run but how faithful it was."""
    early, counted = config.sampling.ends_early, timeline.measured()
    reasons = check(trace, written_sha256, timeline, kept, circumstances, early)
    strain = (*strained(counted, config.validity), *found_computed(counted.iterations))
    eased = held_back(counted.requests, {each.id: each.scheduled_s for each in trace.requests})
    return Result(
        reasons=(*reasons, *starved(counted, config.validity)),
        cautions=(*cautions(circumstances), *strain, *eased, *trace.notes),
    )
