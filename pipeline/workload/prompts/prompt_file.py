"""Prompts from a file that a setting names: what its formats share."""

from abc import abstractmethod
from pathlib import Path
from random import Random

from pipeline.workload.prompts.source import Encode, Prompts
from pipeline.workload.randomness import below

KEY = "workload.prompts.path"
"""The setting, for messages."""


class PromptFile(Prompts):
    """Draws from all prompts of a file.

    Attributes:
        path: the file.
    """

    path: Path

    @abstractmethod
    def prompts(self) -> list[str]:
        """All of them, at least one.

        Raises:
            UsageError: the file can't be read, or isn't of the format.
        """

    def check(self) -> None:
        """The file must be whole."""
        self.prompts()

    def draw(self, count: int, rng: Random, encode: Encode) -> list[str]:
        """Independent draws."""
        prompts = self.prompts()
        return [prompts[below(rng, len(prompts))] for _ in range(count)]
