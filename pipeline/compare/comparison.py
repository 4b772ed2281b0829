"""What the table, the page and `comparison.json` are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.compare.cells import Cell, cells, place
from pipeline.compare.load import load
from pipeline.compare.ratios import Ratio, ratio
from pipeline.compare.run import Run
from pipeline.errors import UsageError

HEADLINE_METRIC = "output_tokens_per_s"
"""The metric whose ratio to the baseline is the comparison's result."""


@dataclass(frozen=True)
class Comparison:
    """Runs in order, and the arm all others are measured against.

    Attributes:
        runs: every run found, whatever became of it.
        baseline: the arm that is 1; None when no run counts.
        report: where the page is.
    """

    runs: tuple[Run, ...]
    baseline: str | None
    report: Path

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Configurations with the runs that count."""
        return cells(self.runs)

    @cached_property
    def left_out(self) -> tuple[Run, ...]:
        """Runs that are shown, but enter no mean, ratio or plot."""
        return tuple(run for run in self.runs if not run.counts)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """What is compared, the baseline first."""
        arms = dict.fromkeys(run.arm for run in self.runs if run.counts)
        return tuple(sorted(arms, key=lambda arm: arm != self.baseline))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The settings that make up a condition."""
        return tuple(key for key, _ in self.runs[0].condition)

    @property
    def data(self) -> Path:
        """The same numbers for machines, beside the page."""
        if self.report.name == "report.html":
            return self.report.with_name("comparison.json")
        return self.report.with_suffix(".json")

    def ratio(self, runs: Sequence[Run], metric: str = HEADLINE_METRIC) -> Ratio | None:
        """Those runs against the baseline's runs of the same trace, condition and repeat."""
        return ratio(runs, [run for run in self.runs if run.arm == self.baseline], metric)

    def overall(self, arm: str) -> Ratio | None:
        """An arm against the baseline, over all that can be paired."""
        return self.ratio([run for run in self.runs if run.arm == arm])


def compare(
    paths: Sequence[Path], out: Path | None = None, baseline: str | None = None
) -> Comparison:
    """Compare the runs under `paths` and write the page and `comparison.json`.

    Args:
        paths: sweeps, run directories or folders of them.
        out: where the page goes; `report.html` in the one path, or beside the first of several.
        baseline: engine to which ratios refer; the first one found unless given.

    Raises:
        UsageError: a path holds no runs, or the baseline or `out` can't be.
    """
    from pipeline.compare.report import write  # matplotlib: slow to import, needed here alone

    comparison = assemble(paths, out, baseline)
    write(comparison)
    return comparison


def assemble(
    paths: Sequence[Path], out: Path | None = None, baseline: str | None = None
) -> Comparison:
    """What `compare` compares, with nothing written."""
    runs = place(load(paths))
    return Comparison(runs, _baseline(runs, baseline), _report(paths, out))


def _baseline(runs: Sequence[Run], wanted: str | None) -> str | None:
    arms = dict.fromkeys(run.arm for run in runs if run.counts)
    if wanted is None:
        return next(iter(arms), None)
    named = [run.arm for run in runs if run.counts and run.settings.get("engine.name") == wanted]
    matching = [wanted] if wanted in arms else list(dict.fromkeys(named))
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(matching or arms) or "no valid run at all"
    raise UsageError(f"--baseline {wanted}: name exactly one of those compared: {known}")


def _report(paths: Sequence[Path], out: Path | None) -> Path:
    if out is not None:
        page = (out / "report.html" if out.is_dir() else out).resolve()
    elif len(paths) == 1:
        page = paths[0].resolve() / "report.html"
    else:
        page = paths[0].resolve().parent / "report.html"
        if (page.parent / "sweep.json").exists():
            raise UsageError(f"{page} is the whole sweep's: name another page with --out")
    if page.suffix != ".html":
        raise UsageError(f"--out {page}: the page is HTML, so its name ends in .html")
    return page
