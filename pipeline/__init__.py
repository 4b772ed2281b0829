"""Multi-LoRA serving on CPU, measured: one configuration in, one comparable result out."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.compare.frames import RunTables


def load_runs(directory: "Path | str") -> "RunTables":
    """The runs under a directory as two tables, for a notebook.

    Args:
        directory: of a run, of a sweep, or of several of them.

    Raises:
        UsageError: it doesn't exist or holds no runs.
    """
    from pipeline.compare import frames  # Takes pandas along, which nothing else here needs.

    return frames.tables(directory)
