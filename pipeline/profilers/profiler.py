"""The contract of a profiler."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path


class Profiler(ABC):
    """Settings of the `profiler` group, and what they do."""

    name: str

    @abstractmethod
    def profile(self, replay: Callable[[], None], folder: Path) -> dict[str, str]:
        """Look at one replay of the first iteration, after all timing is done.

        Args:
            replay: serves the first iteration once more.
            folder: where artifacts go; it need not exist.

        Returns:
            How to open each artifact, by its file name; empty when nothing was done.
        """
