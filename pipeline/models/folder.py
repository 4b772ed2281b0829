"""A base model in a folder: `model=tiny` and `model=folder`."""

from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class FolderModel(ModelSource):
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
