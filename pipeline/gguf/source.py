"""A base model in a GGUF file: `model=gguf`."""

from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from pipeline.models.checkpoint import Checkpoint
from pipeline.models.quantization import Quantization
from pipeline.models.source import ModelSource
from pipeline.settings import STRICT, kept


@dataclass(frozen=True, config=STRICT, kw_only=True)
class GgufModel(ModelSource):
    """Settings: the file, and what it was made from if that is there.

    Attributes:
        name: what the user typed.
        path: the file.
        cache: folder in which is kept what the file says of the model, and for transformers its
            weights.
        original: folder of the checkpoint that the file was made from; what is served is then
            held against that, not against the file's own numbers in fp32.
        precision: what llama.cpp's engines take for `engine.precision` unless it is given.
        quantization: how the PEFT engines store its weights.
    """

    name: str
    path: Path
    cache: Path = kept()
    original: Path | None = None
    precision: Literal["file"] = "file"
    quantization: Quantization = Quantization.NONE

    def checkpoint(self) -> Checkpoint:
        """The file as a checkpoint: what it says in a folder, its weights where they are."""
        from pipeline.gguf.conversion import checkpoint_of

        return checkpoint_of(self.path, self.cache)

    def preview(self) -> Checkpoint:
        """The same: its numbers were looked at when it was made."""
        return self.checkpoint()

    def truth(self, served: Checkpoint) -> Checkpoint:
        """The original, if it is named."""
        from pipeline.gguf.same_model import check_same_model

        if self.original is None:
            return served
        found = Checkpoint.open(self.original)
        check_same_model(self.path, found)
        return found
