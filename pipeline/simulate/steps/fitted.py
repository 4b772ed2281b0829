"""Step times fitted to runs of `engine=multilora`, and refused where the fit is bad."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.metrics.step_law import FittedLaw, fitted
from pipeline.settings import STRICT
from pipeline.simulate.measured import MeasuredRun
from pipeline.simulate.steps.source import EngineTimes, StepSource


@dataclass(frozen=True, config=STRICT, kw_only=True)
class FittedSteps(StepSource):
    """Settings of `steps=fitted`.

    Attributes:
        name: what the user typed.
        runs: run directories; all of one engine and one machine.
        max_error: largest error of the seconds of a fifth of the steps, foretold by the law of the
            other four; above it the fit is refused.
    """

    name: str
    runs: Annotated[tuple[str, ...], Field(min_length=1)]
    max_error: Annotated[float, Field(gt=0)] = 0.2

    def times(self) -> EngineTimes:
        """Fitted here and now; the time of a load is known where a run had any."""
        runs = [MeasuredRun.open(Path(each)) for each in self.runs]
        _check_alike(runs)
        where = ", ".join(self.runs)
        try:
            found = fitted([step for run in runs for step in run.steps()])
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from error
        if found.total_error > self.max_error:
            raise UsageError(
                f"{where}: a fifth of the steps took {found.total_error:.0%} more or less than the "
                "others foretell; measure on a quiet machine, or raise steps.max_error"
            )
        loads = [run.loads() for run in runs]
        number, seconds = sum(each[0] for each in loads), sum(each[1] for each in loads)
        return EngineTimes(found.law, seconds / number if number else None, _said(found, where))


def _check_alike(runs: Sequence[MeasuredRun]) -> None:
    first, *others = runs
    for other in others:
        wanted, found = first.circumstances, other.circumstances
        if differing := [name for name in wanted if found[name] != wanted[name]]:
            raise UsageError(
                f"{other.directory.path}: another {', '.join(differing)} than "
                f"{first.directory.path}; give runs of one engine on one machine"
            )


def _said(found: FittedLaw, where: str) -> str:
    return (
        f"step times: {found.steps} steps of {where}; R² {found.r2:.2f} and a typical error of "
        f"{found.typical_error:.0%} on steps that weren't fitted, {found.total_error:.0%} at most "
        "on a fifth of them together"
    )
