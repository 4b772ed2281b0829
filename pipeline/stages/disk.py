"""Whether what is yet to be made fits on its disk, told before any of it is made."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from pipeline.adapters.adapter import Adapter
from pipeline.engines.needs import projections, updates, vocabulary
from pipeline.errors import UsageError
from pipeline.machine.memory import GIGABYTE
from pipeline.models.checkpoint import Checkpoint

WIDTH = 2
"""Bytes of a number in checkpoints and adapters that are made here: float16."""


def check_disk(checkpoint: Checkpoint, adapters: Iterable[Adapter]) -> None:
    """Refuse a model or adapters that aren't there yet, and that their disk has no room for.

    Raises:
        UsageError: naming the folder, how much they take and how much is free.
    """
    made = [each for each in adapters if not each.folder.is_dir()]
    if made:
        _fits(made[0].folder.parent, f"{len(made)} adapters", updates(made, WIDTH))
    if not checkpoint.folder.is_dir():
        shape = checkpoint.config
        rows = vocabulary(shape) * (1 if shape.tied else 2)
        _fits(checkpoint.folder.parent, "the model", WIDTH * (projections(shape) + rows))


def _fits(folder: Path, what: str, needed: int) -> None:
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise UsageError(
            f"paths.cache: {what} to be made in {folder} take {needed / GIGABYTE:.3g} GB, and its "
            f"disk has {free / GIGABYTE:.3g} GB free; free some, ask for less, or give another "
            "paths.cache"
        )
