"""What a missing ratio means, and what stands behind one of several: pairs that weren't made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.compare.comparison import Comparison
from pipeline.compare.labels import abridged
from pipeline.compare.machines import MACHINE, Machine
from pipeline.compare.pairs import Pair, divisible, pairs
from pipeline.compare.run import Run


def unpaired(comparison: Comparison) -> Iterator[str]:
    """Arms that would have been paired, had they run on one machine, or been asked the same."""
    baseline = comparison.of(comparison.baseline)
    for arm in comparison.arms[1:]:
        ours = comparison.of(arm)
        found = len(pairs(ours, baseline))
        if apart := len(pairs(_anywhere(ours), _anywhere(baseline))) - found:
            some = f" in {apart} of {found + apart} pairs of runs" if found else ""
            yield (
                f"{arm} and {comparison.baseline} ran on different machines{some}, so they are not "
                "paired: measure both on one, or compare the machines themselves: --by machine"
            )
        lost = len(pairs(_whatever(ours), _whatever(baseline))) - found
        if lost:
            yield (
                f"{arm} and {comparison.baseline} were asked something else under the same "
                f"settings in {lost} of {found + lost} pairs of runs, whose traces differ, so they "
                "don't count: model, adapters or prompts have changed between them"
            )


def _anywhere(runs: Sequence[Run]) -> list[Run]:
    """The runs as if there were one machine."""
    return [
        replace(
            run,
            condition=tuple(pair for pair in run.condition if pair[0] != MACHINE),
            machine=None,
        )
        for run in runs
    ]


def spread(comparison: Comparison) -> Iterator[str]:
    """Means and overall ratios that are over several machines, each pair having kept to one."""
    paired = [run for arm in comparison.arms[1:] for pair in _of(comparison, arm) for run in pair]
    machines = {run.machine: Machine.of(run).kind for run in paired if run.machine}
    kinds = len({*machines.values()})
    if len(machines) < 2:
        return
    names = abridged(sorted(machines), "; ")
    if kinds > 1:
        yield (
            f"pairs are of {len(machines)} machines of {kinds} kinds ({names}): each kept to one, "
            "rows tell the kinds apart, but overall ratios are over all: --by machine compares them"
        )
    else:
        yield (
            f"pairs are of {len(machines)} machines of one kind ({names}): each kept to one, and "
            "ratios are over all"
        )


def _of(comparison: Comparison, arm: str) -> list[Pair]:
    return pairs(comparison.of(arm), comparison.of(comparison.baseline))


def _whatever(runs: Sequence[Run]) -> list[Run]:
    """The runs as if all of one format had the same trace."""
    return [replace(run, trace=said, work=said) for run in runs if (said := _format(run))]


def _format(run: Run) -> str | None:
    return f"format {run.format}" if run.asked else None


def undivided(comparison: Comparison) -> Iterator[str]:
    """Pairs of which no ratio can be taken, and in which runs the figure is missing or 0."""
    baseline = comparison.of(comparison.baseline)
    for arm in comparison.arms[1:]:
        found = pairs(comparison.of(arm), baseline)
        lost = [pair for pair in found if not divisible(pair, comparison.metric)]
        if lost:
            runs = {run.name: run for pair in lost for run in pair}.values()
            bad = [run.name for run in runs if not (run.number(comparison.metric) or 0) > 0]
            yield (
                f"{len(lost)} of {len(found)} pairs of {arm} and {comparison.baseline} have no "
                f"ratio, and stand in no mean of ratios: {comparison.metric} is 0 or was not "
                f"measured in {abridged(bad, ', ')}"
            )


def uneven(comparison: Comparison) -> Iterator[str]:
    """Overall ratios that don't weigh all conditions alike, so that they can't be held together."""
    counts = {arm: Counter(each.ratio.conditions) for arm, each in comparison.verdicts.items()}
    conditions = dict.fromkeys(cell.condition for cell in comparison.cells)
    paired = [each for each in conditions if any(found[each] for found in counts.values())]
    most = max((n for found in counts.values() for n in found.values()), default=0)
    lacking = [
        f"{found[condition]} in {comparison.usual.named(arm, condition)}"
        for arm, found in counts.items()
        for condition in paired
        if found[condition] < most
    ]
    if lacking:
        yield (
            f"overall ratios don't weigh all conditions alike: of {most} pairs there are only "
            f"{abridged(lacking, '; ')}: hold arms together within one condition"
        )


def remade(comparison: Comparison) -> Iterator[str]:
    """Configurations whose repeats are none: they were asked different things."""
    found = [
        comparison.usual.named(cell.arm, cell.condition)
        for cell in comparison.cells
        if len({run.trace for run in cell.runs}) > 1
    ]
    if found:
        yield (
            f"repeats were asked different things: {abridged(found, '; ')}: their traces differ, "
            "so model, adapters or prompts have changed between them"
        )
