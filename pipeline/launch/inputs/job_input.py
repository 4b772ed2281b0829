"""An input: what a setting names, by the hash of its content."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pipeline.errors import UsageError
from pipeline.models.content_hash import sha256_of


@dataclass(frozen=True)
class JobInput:
    """A file, or files of a folder, that a job reads.

    Attributes:
        kind: which setting names it: `model.path`, `adapters.path`, `workload.path`.
        place: where the sender has it, absolute.
        files: SHA-256 of the content of each file, by its path from the folder above `place`.
    """

    kind: str
    place: str
    files: Mapping[str, str]

    @classmethod
    def of(cls, kind: str, place: Path, read: Iterable[Path]) -> Self:
        """What is there now.

        Args:
            kind: which setting names it.
            place: what the setting names.
            read: files, and folders all of whose own files are read, but for hidden ones.

        Raises:
            UsageError: a file can't be read, or lies elsewhere.
        """
        above = Path(os.path.abspath(place)).parent
        found = {}
        for path in sorted({each for one in read for each in _files(one)}):
            try:
                name = path.relative_to(above).as_posix()
                found[name] = sha256_of(path)
            except (OSError, ValueError) as error:
                raise UsageError(f"{kind}={place}: {path}: {error}") from error
        return cls(kind, os.path.abspath(place), found)

    @property
    def name(self) -> str:
        """What the file or the folder is called."""
        return Path(self.place).name

    @property
    def sha256(self) -> str:
        """Of the names and contents of its files."""
        whole = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            whole.update(f"{content} {name}\n".encode(errors="surrogateescape"))
        return whole.hexdigest()

    def sources(self) -> dict[str, Path]:
        """Where the sender has each content, by its SHA-256."""
        above = Path(self.place).parent
        return {content: above / name for name, content in self.files.items()}

    def lies_at(self, place: Path) -> bool:
        """Whether that is there, with this content."""
        return all(_has(place.parent / name, each) for name, each in self.files.items())


def _files(path: Path) -> Iterable[Path]:
    whole = Path(os.path.abspath(path))
    if not whole.is_dir():
        return (whole,) if whole.is_file() else ()
    return (each for each in whole.iterdir() if each.is_file() and not each.name.startswith("."))


def _has(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and sha256_of(path) == sha256
    except OSError:
        return False
