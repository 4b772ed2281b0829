"""Prompts from a file that a setting names: what its formats share."""

from abc import abstractmethod
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pipeline.workload.prompts.pool import Pool
from pipeline.workload.prompts.source import Prompt

KEY = "workload.prompts.path"
"""The setting, for messages."""


class PromptFile(Pool):
    """Draws from all prompts of a file.

    Attributes:
        path: the file.
    """

    path: Path

    @property
    def source(self) -> str:
        """The file."""
        return f"{KEY}={self.path}"

    def read(self) -> list[Prompt]:
        """Its prompts; as long as it doesn't change, the file is read once."""
        known = None
        with suppress(OSError, ValueError):  # Parsing says what is wrong with it.
            known = self.path.stat()
        return _parsed(self, known and (known.st_mtime_ns, known.st_size))

    @abstractmethod
    def parse(self) -> list[Prompt]:
        """Those of the file as it is now, at least one.

        Raises:
            UsageError: it can't be read, or isn't of the format.
        """


@lru_cache(maxsize=1)
def _parsed(source: PromptFile, version: tuple[int, int] | None) -> list[Prompt]:
    return source.parse()
