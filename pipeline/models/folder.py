"""A base model in a folder: `model=tiny` and `model=folder`."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.finite import is_finite
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Folder(ModelSource):
    """Settings: the folder of a transformers checkpoint.

    Attributes:
        name: what the user typed.
        path: the folder.
        quantization: how the PEFT engines store its weights.
    """

    name: str
    path: Path
    quantization: Quantization = Quantization.NONE

    def checkpoint(self) -> Checkpoint:
        """The folder itself."""
        return Checkpoint.open(self.path)

    def preview(self) -> Checkpoint:
        """The folder itself, each of its numbers looked at.

        Raises:
            UsageError: it isn't a checkpoint, or one of its numbers is NaN or infinite.
        """
        checkpoint = self.checkpoint()
        for each in checkpoint.weights.tensors.values():
            if not is_finite(each):
                raise UsageError(
                    f"{each.path}: {each.name} holds NaN or infinity; fetch the checkpoint again"
                )
        return checkpoint
