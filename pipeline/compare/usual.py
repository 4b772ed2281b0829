"""What most conditions have in common is said once, so that a label says only what is unusual."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from pipeline.compare.run import Condition
from pipeline.compare.settings import shown, titles

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
