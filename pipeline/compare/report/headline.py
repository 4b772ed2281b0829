"""The result in a sentence or two."""

from collections import Counter

from pipeline.compare.comparison import Comparison
from pipeline.compare.labels import abridged
from pipeline.compare.numbers import DASH, RATE, TIMES, significant, times, words
from pipeline.compare.ratios import Ratio
from pipeline.compare.run import ADAPTERS
from pipeline.compare.verdict import NO_DIFFERENCE, ONE_REPEAT, Verdict, gain, would_have_shown
from pipeline.metrics.tables import NOT_CHECKED

SPACE = "\u00a0"
"""Keeps a number and what follows it on one line."""

NAMED = 6
"""Arms of one share of equal tokens, and shares, that are named; the table has all."""

CLAUSES = 6
"""Arms that are told of; the table has all."""


def headline(comparison: Comparison) -> str:
    """What was found, how faithful what was served was, and from how many of the runs."""
    return " ".join(filter(None, (finding(comparison), summed_up(comparison))))


def summed_up(comparison: Comparison) -> str:
    """How faithful the arms were, and how many of the runs count."""
    return " ".join(filter(None, (faithfulness(comparison), tally(comparison))))


def lead(comparison: Comparison) -> str:
    """The one sentence a person can quote: of several clauses the first, else the finding."""
    clauses = _clauses(comparison)
    return f"{clauses[0]}." if len(clauses) > 1 else finding(comparison)


def finding(comparison: Comparison) -> str:
    """A sentence to quote, with its interval, and the noise floor where an A/A pair shows it.

    What was measured, where nothing can be paired.
    """
    if comparison.baseline is None:
        return "There is nothing to compare: no run finished and is valid."
    clauses = _clauses(comparison)
    said = [f"{abridged(clauses, '; ', CLAUSES)}."] if clauses else []
    said += [_floor(comparison, number) for number in range(len(comparison.twins))]
    return " ".join(said)


def _clauses(comparison: Comparison) -> list[str]:
    """All arms against the baseline, or what was measured of them where nothing can be paired."""
    again = {each.twin for each in comparison.twins}
    verdicts = {arm: each for arm, each in comparison.verdicts.items() if arm not in again}
    if verdicts:
        return _against(comparison, verdicts)
    return [] if comparison.twins else _alone(comparison)


def _against(comparison: Comparison, verdicts: dict[str, Verdict]) -> list[str]:
    """A clause an arm: the best difference first, then what can't be told apart.

    An arm whose tokens nobody checked comes after all those that were.
    """
    ranked = sorted(
        verdicts.items(),
        key=lambda item: (
            comparison.agreement(item[0]) is None,
            item[1].word == NO_DIFFERENCE,
            -gain(item[1].ratio, comparison.metric),
        ),
    )
    (arm, first), *others = ranked
    return [_sentence(comparison, arm, first), *(f"{name} {_brief(each)}" for name, each in others)]


def _sentence(comparison: Comparison, arm: str, verdict: Verdict) -> str:
    ratio, baseline, name = verdict.ratio, comparison.baseline, words(comparison.metric)
    over = f"over {_pairs(ratio)} of runs of the same traces{_but(comparison)}"
    verb = "makes" if comparison.metric.endswith(RATE) else "has"
    if verdict.word == NO_DIFFERENCE:
        shown = would_have_shown(verdict.within or 0.0)
        return (
            f"No difference found in {name} between {arm} and {baseline} ({shown}): "
            f"{_times(ratio)}, {over}{_unlike(ratio)}"
        )
    if verdict.word == ONE_REPEAT:
        alone = ratio.pairs + ratio.undivided == 1
        single = f"in one pair of runs of the same trace{_but(comparison)}"
        one = single if alone else f"{over}, one repeat"
        over = f"{one}, so without an interval"
    return f"{arm} {verb} {_times(ratio)} the {name} of {baseline}, {over}{_unlike(ratio)}"


def _but(comparison: Comparison) -> str:
    """What the traces of a pair may differ in."""
    return " but for the adapters" if ADAPTERS in comparison.runs[0].named else ""


def _brief(verdict: Verdict) -> str:
    ratio = verdict.ratio
    doubt = f", {verdict.wording}" if verdict.word == NO_DIFFERENCE else ""
    return f"{_times(ratio)}, {_pairs(ratio)}{doubt}{_unlike(ratio)}"


def _unlike(ratio: Ratio) -> str:
    """What else than the arm differed, for whoever quotes the ratio."""
    return f" (unlike: {', '.join(ratio.unlike)})" if ratio.unlike else ""


def _times(ratio: Ratio) -> str:
    """`4.5 × (95 % 4.3–4.7)`."""
    mean = f"{times(ratio.mean)}{SPACE}{TIMES}"
    if ratio.interval is None:
        return mean
    return f"{mean} (95{SPACE}% {DASH.join(map(times, ratio.interval))})"


def _pairs(ratio: Ratio) -> str:
    return f"{ratio.paired}{SPACE}pair{'s' if ratio.pairs + ratio.undivided != 1 else ''}"


def _floor(comparison: Comparison, number: int) -> str:
    twin = comparison.twins[number]
    said = f"{twin.arm} entered twice differs from itself by {_times(twin.ratio)}"
    if twin.floor is None:
        return f"{said}, in one repeat."
    return f"{said}: differences within {100 * twin.floor:.2g}{SPACE}% are noise here."


def _alone(comparison: Comparison) -> list[str]:
    means = [(cell.arm, cell.mean(comparison.metric)) for cell in comparison.cells]
    name = comparison.metric.replace("_per_s", "/s").replace("_", " ")
    found = []
    for arm in comparison.arms:
        values = [value for name_, value in means if name_ == arm and value is not None]
        if values:
            ends = dict.fromkeys(significant(end) for end in (min(values), max(values)))
            found.append(f"{arm} made {DASH.join(ends)} {name}")
    return found or [f"No run measured its {words(comparison.metric)}"]


def tally(comparison: Comparison) -> str:
    """How many of the runs count, and what became of the others."""
    counting = sum(run.counts for run in comparison.runs)
    verdicts = Counter(run.verdict.lower().replace("_", " ") for run in comparison.left_out)
    rest = "".join(f"; {count} {verdict}" for verdict, count in verdicts.items())
    return f"{counting} of {len(comparison.runs)} runs are compared{rest}."


def faithfulness(comparison: Comparison) -> str:
    """Each arm's share of tokens equal to the reference's; empty where there is no arm."""
    said: dict[str, list[str]] = {}
    for arm in comparison.arms:
        share = comparison.agreement(arm)
        text = NOT_CHECKED if share is None else f"{significant(100 * share)}{SPACE}%"
        said.setdefault(text, []).append(arm)
    if not said:
        return ""
    listed = [f"{abridged(arms, ', ', NAMED)} {share}" for share, arms in said.items()]
    return f"Tokens equal to the reference's: {abridged(listed, '; ', NAMED)}."
