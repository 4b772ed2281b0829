"""Where a base model comes from: the contract of the `model` group."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.models.tokenizer import TOKENIZER


class ModelSource(ABC):
    """Settings of the `model` group.

    Attributes:
        name: what the user typed.
        quantization: how an engine that can store quantised weights shall store the base's.
        trained: whether its weights have learnt anything; random ones say all tokens alike.
    """

    name: str
    quantization: Quantization
    trained: ClassVar[bool] = True

    @property
    def public_name(self) -> str:
        """What clients of a server call it, unless they are told otherwise."""
        return self.name

    @abstractmethod
    def checkpoint(self) -> Checkpoint:
        """The model on disk, made or fetched if need be.

        Raises:
            UsageError: it can't be had, or isn't what it should be.
        """

    def preview(self) -> Checkpoint:
        """The model as it will be, known without making it; its files may not be there yet.

        Those that are have each of their numbers looked at.

        Raises:
            UsageError: it can't be had, or isn't what it should be, or a number is NaN or infinite.
        """
        return self.checkpoint().check_numbers()

    def truth(self, served: Checkpoint) -> Checkpoint:
        """The model that the reference of fidelity is: the one that is served, if no better is.

        Args:
            served: what `checkpoint` gives.

        Raises:
            UsageError: another is named, and isn't the same decoder.
        """
        return served

    def tokenizer_file(self) -> Path:
        """A `tokenizer.json` that encodes every text as the model's does; there before the model.

        Raises:
            UsageError: it can't be had.
        """
        return self.preview().folder / TOKENIZER
