"""Where a base model comes from: the contract of the `model` group."""

from abc import ABC, abstractmethod

from pipeline.models.architecture import Architecture
from pipeline.models.checkpoint import Checkpoint


class ModelSource(ABC):
    """Settings of the `model` group."""

    name: str

    @abstractmethod
    def architecture(self) -> Architecture:
        """The decoder's shape, known before anything heavy is done.

        Raises:
            UsageError: the model can't be had.
        """

    @abstractmethod
    def checkpoint(self) -> Checkpoint:
        """The model on disk, made or fetched if need be."""
