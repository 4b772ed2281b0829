"""Where a base model comes from: the contract of the `model` group."""

from abc import ABC, abstractmethod

from pipeline.models.architecture import Architecture
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization


class ModelSource(ABC):
    """Settings of the `model` group.

    Attributes:
        name: what the user typed.
        quantization: how an engine that can store quantised weights shall store the base's.
    """

    name: str
    quantization: Quantization

    @abstractmethod
    def architecture(self) -> Architecture:
        """The decoder's shape, known before anything heavy is done.

        Raises:
            UsageError: the model can't be had.
        """

    @abstractmethod
    def checkpoint(self) -> Checkpoint:
        """The model on disk, made or fetched if need be."""
