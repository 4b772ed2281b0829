"""Prompts from a file that a setting names: what its formats share."""

from pathlib import Path

from pipeline.workload.prompts.pool import Pool

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
