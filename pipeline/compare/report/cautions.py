"""What a reader should know before believing a comparison."""

import re
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from pipeline.compare.circumstances import differing
from pipeline.compare.comparison import Comparison
from pipeline.compare.labels import abridged
from pipeline.compare.machines import Machine
from pipeline.compare.pairs import pairs, parted
from pipeline.compare.report.pairing import remade, spread, undivided, uneven, unpaired
from pipeline.compare.report.repetition import cold, few, noisy
from pipeline.compare.run import Run
from pipeline.compare.stopping import unmet
from pipeline.compare.verdict import SIGNIFICANT, holm
from pipeline.tracking.status import FORMAT


def cautions(comparison: Comparison) -> list[str]:
    """One line each, the gravest first; empty when there is nothing to warn of."""
    return [
        *unpaired(comparison),
        *spread(comparison),
        *undivided(comparison),
        *uneven(comparison),
        *remade(comparison),
        *unmet(comparison),
        *_mixed(comparison),
        *_parted(comparison),
        *_given(comparison),
        *_biased(comparison),
        *_interacting(comparison),
        *few(comparison.cells),
        *noisy(comparison),
        *cold(comparison.runs),
        *_older(comparison.runs),
        *_nowhere(comparison.runs),
        *_said(comparison.runs),
    ]


def print_cautions(comparison: Comparison, console: Console) -> None:
    """Print them, a line each."""
    for caution in cautions(comparison):
        console.print(Text(f"⚠ {caution}", style="yellow"), soft_wrap=True)


def _mixed(comparison: Comparison) -> Iterator[str]:
    """Configurations whose own repeats were made under unlike circumstances."""
    told = []
    for cell in comparison.cells:
        found = [f"{name} {abridged(all_, ', ')}" for name, all_ in differing(cell.runs).items()]
        name = comparison.usual.named(cell.arm, cell.condition)
        told += [f"{name}: {'; '.join(found)}"] if found else []
    if told:
        yield f"repeats were made under unlike circumstances: {abridged(told, '; ')}"


def _parted(comparison: Comparison) -> Iterator[str]:
    found = [
        pair
        for arm in comparison.arms[1:]
        for pair in pairs(comparison.of(arm), comparison.of(comparison.baseline))
    ]
    apart = parted(found, comparison.runs)
    if apart:
        yield (
            f"{apart} of {len(found)} pairs had runs of other repeats between them, so the "
            "machine's drift does not cancel: run the engines in one sweep, where they interleave"
        )


def _given(comparison: Comparison) -> Iterator[str]:
    runs = [run for run in comparison.runs if run.command and run.counts]
    if len(comparison.arms) > 1 and any(run.settings.get("shuffle", 0) is None for run in runs):
        yield (
            "engines ran in the same order each time (shuffle=null), so drift within a repeat "
            "may favour one of them: leave shuffle at its default"
        )


def _biased(comparison: Comparison) -> Iterator[str]:
    for each in comparison.twins:
        if each.ratio.excludes_one:
            yield (
                f"{each.arm} differs from itself ({each.ratio.mean:.3f} times): something other "
                "than noise is at work"
            )


def _interacting(comparison: Comparison) -> Iterator[str]:
    """Arms whose ratio changes with the repeat: their intervals know it, their readers should."""
    tested = {arm: each.ratio.interaction_p_value for arm, each in comparison.verdicts.items()}
    known = {arm: p for arm, p in tested.items() if p is not None}
    for arm, p in zip(known, holm(list(known.values())), strict=True):
        if p < SIGNIFICANT:
            yield (
                f"{arm} does better in some repeats than in others, in all of their traces (F test "
                f"of arm × repeat, p = {p:.2g}): more repeats tell more of it, more traces don't"
            )


def _older(runs: Sequence[Run]) -> Iterator[str]:
    older = [run.name for run in runs if run.format < FORMAT]
    if older:
        yield (
            f"{abridged(older, ', ')}: written by an earlier version of this program; the hash of "
            "such a run's trace doesn't cover how many requests are in flight, so it pairs with "
            "no later run: measure it again to compare it with one"
        )


def _nowhere(runs: Sequence[Run]) -> Iterator[str]:
    unknown = [run.name for run in runs if run.counts and not Machine.of(run).known]
    if unknown:
        yield (
            f"{abridged(unknown, ', ')}: no record of the processor's family and model, so "
            "machines are told apart by their names alone"
        )


def _said(runs: Sequence[Run]) -> Iterator[str]:
    """What the runs say of themselves, what differs in its figures alone once, and who says it."""
    said: dict[str, dict[str, list[str]]] = {}
    for run in runs:
        for caution in run.cautions:
            kind = re.sub(r"\d+(\.\d+)?", "#", caution)
            said.setdefault(kind, {}).setdefault(caution, []).append(run.name)
    for found in said.values():
        names = [name for several in found.values() for name in several]
        others = f", and the like of {len(found) - 1} more" if len(found) > 1 else ""
        yield f"{abridged(names, ', ')}: {next(iter(found))}{others}"
