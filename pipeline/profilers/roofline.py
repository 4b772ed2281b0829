"""Roofline: how near the timed run's steps came to what this machine can do."""

from dataclasses import asdict

from pydantic.dataclasses import dataclass

from pipeline.files.documents import write_json
from pipeline.kernels.library import BuildError
from pipeline.metrics.roofline import Passes, Peaks, Roofline, roofline
from pipeline.profilers.machine_peaks import is_busy, machine_peaks
from pipeline.profilers.profiler import Profile, Subject, Tool, ToolUnavailable
from pipeline.settings import STRICT

FILE = "roofline.json"
BUSY = "something else keeps this machine busy: its peaks are measured again in the next run"
NEAR = 0.5
"""From this share of the bound on, the machine is what limits a step."""
FRACTIONS = {"decode": "roofline_fraction", "prefill": "prefill_roofline_fraction"}
FIGURES = ("step_s", "bound_s", "memory_s", "compute_s")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class RooflineTool(Tool):
    """Settings of `profiler=roofline`. It replays nothing: the timed run is what it judges."""

    def profile(self, subject: Subject) -> Profile:
        """Measure the machine, if nobody has, and the timed steps against it."""
        if not subject.passes:
            raise ToolUnavailable(
                "no roofline: this engine marks no decode steps, or can't say how many bytes of "
                "weights a step reads"
            )
        busy = is_busy()
        try:
            peaks = machine_peaks(subject.cache, subject.cpu, subject.threads, busy)
        except BuildError as error:
            raise ToolUnavailable(
                f"no roofline: the peaks are measured natively; {error}"
            ) from error
        found = {each.kind: roofline(each, peaks) for each in subject.passes}
        shares = {kind: asdict(each) | {"fraction": each.fraction} for kind, each in found.items()}
        write_json(subject.folder / FILE, {"peaks": asdict(peaks), **shares})
        figures = {
            name: value for kind, each in found.items() for name, value in _figures(kind, each)
        }
        bits = subject.passes[0].costs.weight_bits
        limits = {
            "roofline/read_bytes_per_s": peaks.read_bytes_per_s,
            "roofline/operations_per_s": peaks.operations_per_s[bits],
        }
        told = [explain(each, found[each.kind], peaks) for each in subject.passes]
        return Profile(
            {FILE: "the measured peaks, and the mean steps against them"},
            figures | limits,
            (*told, *([BUSY] if busy else [])),
        )


def _figures(kind: str, found: Roofline) -> list[tuple[str, float]]:
    """By the names of metrics; those of decode steps have no prefix."""
    prefix = "" if kind == "decode" else f"{kind}_"
    parts = [(f"roofline/{prefix}{each}", float(getattr(found, each))) for each in FIGURES]
    return [(FRACTIONS[kind], found.fraction), *parts]


def explain(passes: Passes, found: Roofline, peaks: Peaks) -> str:
    """One sentence: what bounds this run."""
    bits = passes.costs.weight_bits
    peak = peaks.operations_per_s[bits]
    needs = (
        f"a {passes.kind} step took {_ms(found.step_s)}; reading its {found.bytes / 1e6:,.4g} MB "
        f"at {peaks.read_bytes_per_s / 1e9:.1f} GB/s takes {_ms(found.memory_s)}, its "
        f"{found.operations / 1e9:,.3g} Gop at {peak / 1e9:.0f} Gop/s ({bits} bits) take "
        f"{_ms(found.compute_s)}"
    )
    return f"{_verdict(found)}: {needs}"


def _verdict(found: Roofline) -> str:
    limit = {"memory": "memory bandwidth", "compute": "arithmetic"}[found.roof]
    if found.fraction > 1:
        return (
            f"faster than {limit} seemed to allow ({found.fraction:.0%}): its data stayed in the "
            "cache, or the peaks were measured on a busy machine"
        )
    if found.fraction >= NEAR:
        return f"bound by {limit}, at {found.fraction:.0%} of the limit"
    return f"bound by overhead or kernels, at {found.fraction:.1%} of what {limit} allows"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
