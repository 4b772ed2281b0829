"""A machine's own copies of inputs that were brought to it, by the hash of their content.

Every content is there once, however many inputs have it: an input is a folder of links to them.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import Unreadable
from pipeline.files.atomic import whole_file, whole_folder
from pipeline.launch.inputs.job_input import JobInput
from pipeline.models.content_hash import sha256_of


@dataclass(frozen=True)
class InputStore:
    """Copies below a folder.

    Attributes:
        folder: of this machine; two processes may write there at once.
    """

    folder: Path

    def has(self, sha256: str) -> bool:
        """Whether that content is there, undamaged."""
        path = self._content(sha256)
        return path.is_file() and sha256_of(path) == sha256

    @contextmanager
    def arriving(self, sha256: str) -> Iterator[BinaryIO]:
        """A file to write that content into, which is there afterwards, whole or not at all.

        Raises:
            Unreadable: something else was written.
        """
        path = self._content(sha256)
        with whole_file(path) as draft:
            with draft.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with draft.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                raise Unreadable(f"its SHA-256 is {found[:16]}…, not {sha256[:16]}…")
            draft.chmod(0o444)

    def placed(self, wanted: JobInput) -> Path | None:
        """Where the input lies; None while one of its contents isn't there."""
        folder = self.folder / "inputs" / wanted.sha256
        if wanted.lies_at(folder / wanted.name):
            return folder / wanted.name
        if not all(self.has(each) for each in wanted.files.values()):
            return None
        if folder.is_dir():
            shutil.rmtree(folder)
        with whole_folder(folder) as draft:
            for name, content in wanted.files.items():
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                os.link(self._content(content), draft / name)
        return folder / wanted.name

    def _content(self, sha256: str) -> Path:
        return self.folder / "contents" / sha256
