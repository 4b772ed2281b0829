"""Conditions that fail a build: `ratio(multilora/llama_cpp, output_tokens_per_s) < 1.0`."""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipeline.compare.comparison import Comparison, arm_named
from pipeline.compare.numbers import DASH, TIMES, significant
from pipeline.compare.ratios import Ratio, ratio
from pipeline.errors import UsageError

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
CONDITION = re.compile(rf"\s*(?P<left>.+?)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>{NUMBER})\s*")
RATIO = re.compile(
    r"(?P<which>ratio|ratio_low|ratio_high)\(\s*(?P<arm>[^/]+?)\s*/\s*(?P<other>[^/,]+?)\s*,"
    r"\s*(?P<metric>\S+)\s*\)"
)
FORMS = "'ratio(ARM/ARM, METRIC) < NUMBER' or 'ARM.METRIC < NUMBER', with <, <=, > or >="


@dataclass(frozen=True)
class Finding:
    """A condition, what was measured, and whether it holds.

    Attributes:
        holds: whether the build fails.
        said: one line for the user.
    """

    holds: bool
    said: str


@dataclass(frozen=True)
class Condition:
    """One `--fail-if`, read but not yet evaluated.

    The mean decides, and what is said tells whether the interval excludes the limit. Who wants
    certainty asks an end of the interval instead: `ratio_high(a/b, m) < 1` holds only where all
    of the interval lies below 1, `ratio_low(a/b, m) < 0.95` unless all of it lies above 0.95.

    Attributes:
        text: as the user wrote it.
        left: what is compared with the limit.
        sign: one of `OPERATORS`.
        limit: the number on the right.
    """

    text: str
    left: str
    sign: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition.

        Raises:
            UsageError: it has neither form.
        """
        found = CONDITION.fullmatch(text)
        if not found or ("(" in found["left"] and _malformed(found["left"])):
            raise UsageError(f"--fail-if {text!r}: write {FORMS}")
        return cls(text, found["left"], found["sign"], float(found["limit"]))

    def evaluate(self, comparison: Comparison) -> Finding:
        """Whether it holds.

        Raises:
            UsageError: an arm or a metric isn't there, or nothing can be paired.
        """
        call = RATIO.fullmatch(self.left)
        if not call:
            value, basis = self._plain(comparison)
        else:
            found = self._ratio(comparison, *call.group("arm", "other", "metric"))
            value, basis = self._end(found, call["which"]), self._certainty(found)
        holds = OPERATORS[self.sign](value, self.limit)
        verdict = "FAIL" if holds else "pass"
        return Finding(holds, f"{verdict}  {self.text}: {significant(value)}, {basis}")

    def _ratio(self, comparison: Comparison, arm: str, other: str, metric: str) -> Ratio:
        ours, theirs = (self._arm(comparison, each) for each in (arm, other))
        found = ratio(comparison.of(ours), comparison.of(theirs), metric)
        if found is None:
            raise self._cannot(
                f"no valid runs of {ours} and {theirs} have the same trace, repeat and machine "
                f"and a {metric} above 0"
            )
        return found

    def _end(self, found: Ratio, which: str) -> float:
        if which == "ratio":
            return found.mean
        if found.interval is None:
            raise self._cannot("one repeat has no interval; repeat the runs")
        return found.interval[which == "ratio_high"]

    def _certainty(self, found: Ratio) -> str:
        unlike = f"; unlike: {', '.join(found.unlike)}" if found.unlike else ""
        if found.interval is None:
            alone = "one pair of runs" if found.pairs == 1 else "one repeat"
            return f"of {alone}, so without an interval{unlike}"
        low, high = found.interval
        excluded = "holds" if low <= self.limit <= high else "excludes"
        return (
            f"mean {found.mean:.3g} {TIMES}, 95 % {low:.3g}{DASH}{high:.3g} over {found.paired} "
            f"pairs; the interval {excluded} {self.limit:g}{unlike}"
        )

    def _plain(self, comparison: Comparison) -> tuple[float, str]:
        arms = [arm for arm in comparison.arms if self.left.startswith(f"{arm}.")]
        arm = max(arms, key=len, default=None) or self._arm(comparison, self.left.split(".")[0])
        shown = arm if arms else self.left.split(".")[0]
        metric = self.left[len(shown) + 1 :]
        runs = [run for run in comparison.of(arm) if run.counts]
        values = [value for run in runs if (value := run.number(metric)) is not None]
        if not metric or len(values) < len(runs):
            raise self._cannot(f"{len(runs) - len(values)} valid runs of {arm} have no {metric!r}")
        return fmean(values), f"the mean of {len(values)} runs"

    def _arm(self, comparison: Comparison, wanted: str) -> str:
        try:
            return arm_named(comparison.runs, wanted)
        except UsageError as error:
            raise self._cannot(str(error)) from error

    def _cannot(self, why: str) -> UsageError:
        return UsageError(f"--fail-if {self.text!r}: can't be evaluated: {why}")


def evaluate(conditions: Sequence[Condition], comparison: Comparison) -> list[Finding]:
    """Every condition's finding.

    Raises:
        UsageError: one of them can't be evaluated.
    """
    return [condition.evaluate(comparison) for condition in conditions]


def _malformed(left: str) -> bool:
    """Whether it looks like a function and isn't `ratio(…)`; arms may hold parentheses."""
    return bool(re.match(r"\w+\(", left)) and not RATIO.fullmatch(left)
