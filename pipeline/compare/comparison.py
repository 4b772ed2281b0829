"""What the table, the page and `comparison.json` are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.compare.cells import Cell, cells, place
from pipeline.compare.conditions import Usual, axis_of
from pipeline.compare.load import load
from pipeline.compare.query import is_query
from pipeline.compare.ratios import Ratio, Twins, ratio, twins
from pipeline.compare.run import Condition, Run
from pipeline.compare.verdict import Verdict, judged
from pipeline.errors import UsageError
from pipeline.metrics.tables import FAITHFUL
from pipeline.tracking.sweep_directory import is_sweep

HEADLINE_METRIC = "output_tokens_per_s"
"""The metric whose ratio to the baseline is the comparison's result, unless another is chosen."""


@dataclass(frozen=True)
class Comparison:
    """Runs in order, and the arm all others are measured against.

    Attributes:
        runs: every run found, whatever became of it.
        baseline: the arm that is 1; None when no run counts.
        report: where the page is.
        metric: what the ratios are of.
        axis: the setting that plots run along; None where no number was varied.
    """

    runs: tuple[Run, ...]
    baseline: str | None
    report: Path
    metric: str = HEADLINE_METRIC
    axis: str | None = None

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
    def usual(self) -> Usual:
        """What its conditions have in common, and what tells them apart."""
        return Usual.of([run.condition for run in self.runs])

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

    def of(self, arm: str | None) -> tuple[Run, ...]:
        """The runs of an arm."""
        return tuple(run for run in self.runs if run.arm == arm)

    def means(self, arm: str, metric: str) -> list[float]:
        """The arm's mean of a metric under each condition; empty where one has none."""
        values = [cell.mean(metric) for cell in self.cells if cell.arm == arm]
        found = [value for value in values if value is not None]
        return found if len(found) == len(values) else []

    def agreement(self, arm: str) -> float | None:
        """The arm's lowest share of tokens equal to the reference's, under any condition.

        Of those that were served; teacher-forced where served ones could not be judged. None
        where they weren't held against the reference's, all of them.
        """
        each = (self.means(arm, metric) for metric in FAITHFUL.metrics)
        return next((min(found) for found in each if found), None)

    def ratio(self, runs: Sequence[Run], metric: str | None = None) -> Ratio | None:
        """Those runs against the baseline's runs of the same trace, condition and repeat."""
        return ratio(runs, self.of(self.baseline), metric or self.metric)

    def overall(self, arm: str) -> Ratio | None:
        """An arm against the baseline, over all that can be paired."""
        verdict = self.verdicts.get(arm)
        return verdict.ratio if verdict else None

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Each arm's ratio to the baseline over all that can be paired: one family."""
        found = {arm: self.ratio(self.of(arm)) for arm in self.arms[1:]}
        return judged({arm: each for arm, each in found.items() if each}, self.metric)

    @cached_property
    def cell_verdicts(self) -> dict[tuple[str, Condition], Verdict]:
        """Each configuration's ratio, by arm and condition: another, larger family."""
        others = [cell for cell in self.cells if cell.arm != self.baseline]
        found = {(cell.arm, cell.condition): self.ratio(cell.runs) for cell in others}
        return judged({key: each for key, each in found.items() if each}, self.metric)

    @cached_property
    def twins(self) -> tuple[Twins, ...]:
        """The A/A comparisons: engines that were entered twice."""
        return tuple(twins(self.runs, self.metric))


def assemble(
    sources: Sequence[Path | str],
    out: Path | None = None,
    baseline: str | None = None,
    metric: str = HEADLINE_METRIC,
    axis: str | None = None,
    by: Sequence[str] = (),
) -> Comparison:
    """Compare the runs under `sources`, with nothing written.

    Args:
        sources: sweeps, run directories, folders of them, or queries (`mlflow:FILTER`).
        out: where the page goes; `report.html` in the one path, or beside the first of several.
        baseline: arm or engine to which ratios refer; the first one found unless given.
        metric: what the ratios are of.
        axis: setting that the plots run along; the first number that was varied unless given.
        by: circumstances that are compared, of `naming.BY`: they name the arms.

    Raises:
        UsageError: a source holds no runs, or another argument can't be.
    """
    runs = place(load(sources), by)
    if metric != HEADLINE_METRIC and not any(run.number(metric) is not None for run in runs):
        raise UsageError(f"--metric {metric}: no run has a figure for it; docs/metrics.md has all")
    return Comparison(
        runs, _baseline(runs, baseline), _report(sources, out), metric, axis_of(runs, axis)
    )


def arm_named(runs: Sequence[Run], wanted: str) -> str:
    """The arm of that name, or the only one of the engine of that name.

    Raises:
        UsageError: no arm is meant, or several are.
    """
    arms = dict.fromkeys(run.arm for run in runs if run.counts)
    named = [run.arm for run in runs if run.counts and run.settings.get("engine.name") == wanted]
    matching = [wanted] if wanted in arms else list(dict.fromkeys(named))
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(matching or arms) or "no valid run at all"
    raise UsageError(f"{wanted}: name exactly one of those compared: {known}")


def _baseline(runs: Sequence[Run], wanted: str | None) -> str | None:
    if wanted is None:
        return next((run.arm for run in runs if run.counts), None)
    try:
        return arm_named(runs, wanted)
    except UsageError as error:
        raise UsageError(f"--baseline {error}") from error


def _report(sources: Sequence[Path | str], out: Path | None) -> Path:
    paths = [Path(source) for source in sources if not is_query(str(source))]
    if out is not None:
        page = (out / "report.html" if out.is_dir() else out).resolve()
    elif not paths:
        page = Path("report.html").resolve()
    elif len(sources) == 1:
        page = paths[0].resolve() / "report.html"
    else:
        page = paths[0].resolve().parent / "report.html"
        if is_sweep(page.parent):
            raise UsageError(f"{page} is the whole sweep's: name another page with --out")
    if page.suffix != ".html":
        raise UsageError(f"--out {page}: the page is HTML, so its name ends in .html")
    return page
