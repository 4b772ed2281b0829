"""Where adapters come from: the contract of the `adapters` group."""

from abc import ABC, abstractmethod

from pipeline.adapters.adapter import Adapter
from pipeline.models.architecture import Architecture


class AdapterSource(ABC):
    """Settings of the `adapters` group."""

    name: str

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The adapters' names, most popular first, without making or fetching any."""

    @abstractmethod
    def adapters(self, architecture: Architecture) -> tuple[Adapter, ...]:
        """The adapters on disk, checked against the model; made or fetched if need be.

        Raises:
            UsageError: one of them can't be had, or doesn't fit the model.
        """

    def check(self, architecture: Architecture) -> None:
        """Raise UsageError if an adapter that is already on disk doesn't fit."""
        self.adapters(architecture)
