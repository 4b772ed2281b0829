"""Where adapters come from: the contract of the `adapters` group."""

from abc import ABC, abstractmethod

from pipeline.adapters.adapter import Adapter
from pipeline.models.config import ModelConfig


class AdapterSource(ABC):
    """Settings of the `adapters` group."""

    name: str

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The adapters' names, most popular first, without making or fetching any."""

    @abstractmethod
    def adapters(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The adapters on disk, checked against the model; made or fetched if need be.

        Raises:
            UsageError: one of them can't be had, or doesn't fit the model.
        """

    def preview(self, model: ModelConfig) -> tuple[Adapter, ...]:
        """The adapters as they will be, known without making any; files may not be there yet.

        Those that are have each of their numbers looked at.

        Raises:
            UsageError: one of them can't be had, doesn't fit the model, or holds NaN or infinity.
        """
        return tuple(each.check_numbers() for each in self.adapters(model))
