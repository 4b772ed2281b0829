"""Roofline: how near the timed run's decode steps came to what this machine can do."""

from dataclasses import asdict

from pydantic.dataclasses import dataclass

from pipeline.files.documents import write_json
from pipeline.metrics.roofline import Peaks, Roofline, roofline
from pipeline.profilers.machine_peaks import is_busy, machine_peaks
from pipeline.profilers.profiler import Profile, Subject, Tool, ToolUnavailable
from pipeline.settings import STRICT

FILE = "roofline.json"
BUSY = "something else keeps this machine busy: its peaks are measured again in the next run"
NEAR = 0.5
"""From this share of the bound on, the machine is what limits a step."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RooflineTool(Tool):
    """Settings of `profiler=roofline`. It replays nothing: the timed run is what it judges."""

    def profile(self, subject: Subject) -> Profile:
        """Measure the machine, if nobody has, and the timed steps against it."""
        if subject.decoding is None:
            raise ToolUnavailable(
                "no roofline: this engine marks no decode steps, or can't say how many bytes of "
                "weights a step reads"
            )
        busy = is_busy()
        peaks = machine_peaks(subject.cache, subject.cpu, subject.threads, busy)
        found = roofline(subject.decoding, peaks)
        document = {**asdict(peaks), **asdict(found), "fraction": found.fraction}
        write_json(subject.folder / FILE, document)
        return Profile(
            {FILE: "the measured peaks, and the mean decode step against them"},
            {
                "roofline_fraction": found.fraction,
                "roofline/step_s": found.step_s,
                "roofline/bound_s": found.bound_s,
                "roofline/memory_s": found.memory_s,
                "roofline/compute_s": found.compute_s,
                "roofline/read_bytes_per_s": peaks.read_bytes_per_s,
                "roofline/operations_per_s": peaks.operations_per_s,
            },
            (explain(found, peaks), *([BUSY] if busy else [])),
        )


def explain(found: Roofline, peaks: Peaks) -> str:
    """One sentence: what bounds this run."""
    needs = (
        f"a decode step took {_ms(found.step_s)}; reading its {found.bytes / 1e6:,.4g} MB at "
        f"{peaks.read_bytes_per_s / 1e9:.1f} GB/s takes {_ms(found.memory_s)}, its "
        f"{found.operations / 1e9:,.3g} Gflop at {peaks.operations_per_s / 1e9:.0f} Gflop/s take "
        f"{_ms(found.compute_s)}"
    )
    return f"{_verdict(found)}: {needs}"


def _verdict(found: Roofline) -> str:
    limit = {"memory": "memory bandwidth", "compute": "arithmetic"}[found.roof]
    if found.fraction > 1:
        return (
            f"faster than {limit} seemed to allow ({found.fraction:.0%}): its data stayed in the "
            "cache, its kernels compute in fewer bits, or the peaks were measured on a busy machine"
        )
    if found.fraction >= NEAR:
        return f"bound by {limit}, at {found.fraction:.0%} of the limit"
    return f"bound by overhead or kernels, at {found.fraction:.1%} of what {limit} allows"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
