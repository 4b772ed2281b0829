"""The requests behind a cell's means, from the run directories."""

from collections import Counter
from collections.abc import Iterable

from pipeline.compare.cells import Cell
from pipeline.compare.run import Run
from pipeline.metrics.timeline import RequestRecord
from pipeline.tracking.run_directory import RunDirectory


def served(run: Run) -> list[RequestRecord]:
    """The requests of a run that brought tokens and no error, the run-in's left out."""
    requests = RunDirectory(run.path).measured()
    return [each for each in requests if each.tokens and each.error is None]


def pooled(cell: Cell) -> list[RequestRecord]:
    """The same of all repeats."""
    return [each for run in cell.runs for each in served(run)]


def popularity(requests: Iterable[RequestRecord]) -> list[str | None]:
    """The adapters that were asked for, the popular ones first."""
    return [name for name, _ in Counter(each.adapter for each in requests).most_common()]


def label(adapter: str | None) -> str:
    """What stands for an adapter in a figure."""
    return "base model" if adapter is None else adapter
