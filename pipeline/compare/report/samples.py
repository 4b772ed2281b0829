"""What the adapters said: a prompt of each, and every different answer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.compare.comparison import Comparison
from pipeline.compare.plots.panels import split
from pipeline.compare.run import Condition
from pipeline.tracking.answers import ShownAnswer, answers
from pipeline.tracking.run_directory import RunDirectory

ENGINES = 10
"""Arms whose answers are held side by side, the baseline's first."""
ADAPTERS = 8
LENGTH = 200
"""Characters of a prompt and of an answer that are shown."""


@dataclass(frozen=True)
class Sample:
    """A prompt and what came of it.

    Attributes:
        adapter: who was asked; None for the base model.
        prompt: its beginning.
        answers: the beginning of each different answer, and the arms that gave it.
    """

    adapter: str | None
    prompt: str
    answers: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Samples:
    """Samples of one condition, for runs of another were asked other things.

    Attributes:
        condition: the one under which most arms ran.
        arms: those that answered.
        samples: one of each adapter.
    """

    condition: Condition
    arms: tuple[str, ...]
    samples: tuple[Sample, ...]


def samples(comparison: Comparison) -> Samples | None:
    """Those of the first repeats; None where no run that counts kept its texts."""
    together = split(comparison.cells).items()
    for condition, cells in sorted(together, key=lambda each: -len(each[1])):
        ordered = sorted(cells, key=lambda cell: comparison.arms.index(cell.arm))[:ENGINES]
        said = {
            cell.arm: answers(RunDirectory(cell.runs[0].path), ADAPTERS, LENGTH) for cell in ordered
        }
        if any(said.values()):
            arms = tuple(arm for arm, own in said.items() if own)
            return Samples(condition, arms, _samples(said))
    return None


def _samples(said: Mapping[str, Sequence[ShownAnswer]]) -> tuple[Sample, ...]:
    asked: dict[tuple[str | None, str], dict[str, list[str]]] = {}
    for arm, own in said.items():
        for each in own:
            given = asked.setdefault((each.adapter, each.prompt), {})
            given.setdefault(each.text, []).append(arm)
    return tuple(Sample(*question, given) for question, given in asked.items())
