"""Packed weights that are kept between runs, found by all that decides them."""

import hashlib
import json
import logging
import os
import platform
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from errno import ENOSPC
from functools import cache
from pathlib import Path
from typing import Self

from torch import Tensor

from pipeline.engines.multilora.packed_file import DamagedFileError, read_packed, write_packed
from pipeline.errors import in_a_line
from pipeline.files.atomic import whole_file
from pipeline.inference.backend import Backend
from pipeline.kernels.formats import WeightFormat
from pipeline.machine.memory import GIGABYTE
from pipeline.models.checkpoint import Checkpoint
from pipeline.places import PACKAGE

_log = logging.getLogger(__name__)

MOST_BYTES = 20 * 10**9
"""Of all files together; those that were read longest ago make room, but for the newest."""
ENDING = ".safetensors"
CODE = ("engines/multilora", "gguf", "kernels", "models")
"""Rooms whose code decides what is packed, and how."""


def recipe(
    checkpoint: Checkpoint, formats: tuple[WeightFormat, ...], backend: Backend, vocabulary: int
) -> str:
    """All that decides packed weights, in a line.

    Args:
        checkpoint: that is packed.
        formats: of its matrices.
        backend: which kernels pack, and how they were compiled.
        vocabulary: rows of its tables.
    """
    return json.dumps(
        {
            "checkpoint": checkpoint.fingerprint(),
            "formats": [asdict(each) for each in formats],
            "vocabulary": vocabulary,
            "packed by": asdict(backend),
            "machine": platform.machine(),
            "code": code_hash(),
        }
    )


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """SHA-256 of the code that packs.

    All of its rooms counts, though most of it decides nothing here: packing anew takes seconds, and
    nobody has to remember which file does.
    """
    digest = hashlib.sha256()
    for path in sorted(each for room in CODE for each in (package / room).rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(package)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class WeightCache:
    """A folder of such files. Whatever is wrong with it costs time, and nothing else.

    Attributes:
        folder: that holds them, and nothing else.
        threads: that read and check.
    """

    folder: Path
    threads: int

    @classmethod
    def within(cls, cache: Path | None, threads: int) -> Self | None:
        """The one among the caches of a folder; None for none."""
        return None if cache is None else cls(cache / "packed", threads)

    def read(self, recipe: str) -> dict[str, Tensor]:
        """The tensors by name; none if they aren't kept, or are damaged."""
        path = self._path(recipe)
        try:
            found = read_packed(path, recipe, self.threads)
        except FileNotFoundError:
            return {}
        except (OSError, DamagedFileError) as error:
            _log.warning("%s: packed anew, for it can't be used: %s", path, in_a_line(error))
            return {}
        with suppress(OSError):
            os.utime(path)
        _log.info("packed weights were read from %s", path)
        return found

    def keep(self, recipe: str, tensors: dict[str, Tensor]) -> None:
        """Write them, whole or not at all; they are on the disk when this returns."""
        path, size = self._path(recipe), sum(each.nbytes for each in tensors.values())
        try:
            self._make_room(size)
            with whole_file(path) as draft:
                write_packed(draft, tensors, recipe, self.threads)
                with draft.open("rb") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            _log.warning("%s: packed weights aren't kept: %s", self.folder, in_a_line(error))

    def _path(self, recipe: str) -> Path:
        return self.folder / f"{hashlib.sha256(recipe.encode()).hexdigest()[:16]}{ENDING}"

    def _make_room(self, size: int) -> None:
        """For a file of that size, and leave as much again free on the disk.

        Raises:
            OSError: it has less.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = [(path.stat(), path) for path in self.folder.iterdir()]
        total = size
        for stat, path in sorted(kept, key=lambda each: each[0].st_mtime, reverse=True):
            total += stat.st_size
            if total > MOST_BYTES:
                path.unlink(missing_ok=True)
        if (free := shutil.disk_usage(self.folder).free) < 2 * size:
            said = f"the disk has {free / GIGABYTE:.3g} GB free for {size / GIGABYTE:.3g}"
            raise OSError(ENOSPC, said)
