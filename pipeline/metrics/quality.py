"""How good answers are: pure functions of what an engine said to questions with known answers."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import exp, fsum

from pipeline.metrics.definitions import ADAPTERS, NOT_MEASURED, Value
from pipeline.metrics.per_adapter import labels

NAMES = ("perplexity", "task_score")


@dataclass(frozen=True)
class Judged:
    """What an engine said to one question.

    Attributes:
        adapter: who was asked; None for the base model.
        surprise: −ln p of each token of the right answer; None where that can't be had.
        right: whether it wrote the right answer itself.
    """

    adapter: str | None
    surprise: tuple[float, ...] | None
    right: bool


def perplexity(judged: Iterable[Judged]) -> Value:
    """E to the mean of −ln p over all tokens of all right answers (Jelinek et al. 1977)."""
    known = [each.surprise for each in judged if each.surprise is not None]
    tokens = sum(map(len, known))
    if not tokens:
        return NOT_MEASURED
    mean = fsum(value for each in known for value in each) / tokens
    try:
        return exp(mean)
    except OverflowError:
        return NOT_MEASURED


def task_score(judged: Collection[Judged]) -> Value:
    """Share of the questions to which an engine wrote the right answer itself."""
    return sum(each.right for each in judged) / len(judged) if judged else NOT_MEASURED


def quality(judged: Collection[Judged], asked: Iterable[str | None]) -> dict[str, Value]:
    """Both for the run, and for each adapter; `asked` are all adapters of the run, for labels."""
    if not judged:
        return {}
    groups: dict[str | None, list[Judged]] = defaultdict(list)
    for each in judged:
        groups[each.adapter].append(each)
    label = labels({*asked, *groups})
    found: dict[str, Value] = {"perplexity": perplexity(judged), "task_score": task_score(judged)}
    for adapter, own in groups.items():
        within = f"{ADAPTERS}{label[adapter]}/"
        found |= {f"{within}perplexity": perplexity(own), f"{within}task_score": task_score(own)}
    return found
