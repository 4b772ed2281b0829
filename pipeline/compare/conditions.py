"""Conditions: their order, what most have in common, and the one that plots run along.

What most have in common is said once, so that a label says only what is unusual.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.compare.run import Condition, Run
from pipeline.compare.settings import short, shown, titles
from pipeline.errors import UsageError

COLUMNS = 4
"""Settings that a reader takes in side by side; of more, only those without a usual value."""

AS_USUAL = "as usual"


@dataclass(frozen=True)
class Usual:
    """How the conditions of a comparison are told apart.

    Attributes:
        columns: settings that are said of every condition.
        common: of the other settings in which conditions differ, the value that most of them have.
        throughout: what is the same in all of them.
        titles: what each setting is called in little room.
    """

    columns: tuple[str, ...] = ()
    common: Mapping[str, Any] = field(default_factory=dict)
    throughout: Mapping[str, Any] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, conditions: Sequence[Condition]) -> Self:
        """Of conditions that all name the same settings."""
        distinct = list(dict.fromkeys(conditions))
        values = {
            each[0][0]: Counter(value for _, value in each) for each in zip(*distinct, strict=True)
        }
        differing = {key: found for key, found in values.items() if len(found) > 1}
        same = {key: next(iter(found)) for key, found in values.items() if len(found) == 1}
        columns = tuple(differing)
        if len(differing) > COLUMNS:
            shares = {key: max(found.values()) / len(distinct) for key, found in differing.items()}
            even = sorted((key for key in shares if shares[key] <= 1 / 2), key=shares.__getitem__)
            columns = tuple(key for key in differing if key in even[:COLUMNS])
        others = {key: found for key, found in differing.items() if key not in columns}
        common = {key: found.most_common(1)[0][0] for key, found in others.items()}
        return cls(columns, common, same, titles(list(values)))

    def sentences(self) -> list[str]:
        """What holds for all of them, and what for most."""
        common = {key: value for key, value in self.common.items() if value is not None}
        return [
            f"{start} {self._in_words(settings)}."
            for start, settings in (("Throughout:", self.throughout), ("Unless said:", common))
            if settings
        ]

    def unusual(self, condition: Condition) -> dict[str, Any]:
        """The settings of a condition that have another value than the usual one."""
        return {k: v for k, v in condition if k in self.common and v != self.common[k]}

    def besides(self, condition: Condition) -> str:
        """Those in words, choices first; what has no value goes unsaid beside what has one."""
        unusual = self.unusual(condition)
        having = {key: value for key, value in unusual.items() if value is not None} or unusual
        chosen = {key: value for key, value in having.items() if key.endswith(".name")}
        return self._in_words(chosen | having)

    def named(self, arm: str, condition: Condition) -> str:
        """An arm under a condition, for one who reads it alone: `merged, alpha 1, batch 4`."""
        said = {k: v for k, v in condition if k not in self.common or v != self.common[k]}
        return ", ".join(filter(None, (arm, self._in_words(said))))

    def words(self, condition: Condition) -> str:
        """All that tells a condition from the others, in words; empty where nothing does."""
        said = self._in_words({key: value for key, value in condition if key in self.columns})
        besides = self.besides(condition)
        known = any(key in self.common for key, _ in condition)
        return ", ".join(filter(None, (said, besides))) or (AS_USUAL if known else "")

    def _in_words(self, settings: Mapping[str, Any]) -> str:
        """Settings as a label: `alpha 1, batch 4`."""
        return ", ".join(f"{self.titles[key]} {shown(value)}" for key, value in settings.items())


def order(condition: Condition) -> list[tuple[bool, float, str]]:
    """Sort key of a condition: numbers by size, then whatever else there is."""
    return [_comparable(value) for _, value in condition]


def _comparable(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return not number, float(value) if number else 0.0, "" if number else str(value)


def axis_of(runs: Sequence[Run], wanted: str | None = None) -> str | None:
    """The setting named, in full or by its last word, or else the first number that was varied.

    Raises:
        UsageError: the runs don't differ in it.
    """
    varied = _varied(runs)
    if wanted is None:
        return next((key for key, numbers in varied.items() if numbers), None)
    matching = [key for key in varied if wanted in (key, short(key), key.rpartition(".")[2])]
    if len(matching) == 1:
        return matching[0]
    known = ", ".join(matching or varied) or "nothing but the engine"
    raise UsageError(f"--axis {wanted}: name one setting in which the runs differ: {known}")


def _varied(runs: Sequence[Run]) -> dict[str, bool]:
    """The settings in which conditions differ, and whether all their values are numbers."""
    values: dict[str, set[object]] = {}
    for run in runs:
        for key, value in run.condition if run.counts else ():
            values.setdefault(key, set()).add(value)
    return {
        key: all(isinstance(value, int | float) for value in found - {None})
        for key, found in values.items()
        if len(found - {None}) > 1
    }
