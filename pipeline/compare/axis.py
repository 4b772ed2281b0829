"""Along which setting a comparison's plots run."""

from collections.abc import Sequence

from pipeline.compare.run import Run
from pipeline.compare.settings import short
from pipeline.errors import UsageError


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
