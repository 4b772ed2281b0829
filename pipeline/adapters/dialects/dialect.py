"""Which dialect an adapter's files are in, and what they say in PEFT's."""

from pathlib import Path

from pipeline.adapters.dialects import mlx
from pipeline.adapters.dialects.conversion import Conversion
from pipeline.adapters.dialects.mlx import read_mlx
from pipeline.adapters.dialects.renamed import renamed
from pipeline.adapters.lora_file import WEIGHTS, LoraFile
from pipeline.models.config import ModelConfig


def read_adapter(path: Path, model: ModelConfig) -> tuple[LoraFile, Conversion | None]:
    """An adapter of any dialect as PEFT would have saved it; None where PEFT's own files lie there.

    Nothing is converted yet, so that whoever looks for faults names the files that are at fault.

    Raises:
        UsageError: its files aren't there or broken, or aren't of LoRA.
    """
    if is_gguf(path):
        from pipeline.adapters.dialects.gguf_lora import read_gguf

        return read_gguf(path, model)
    if (path / mlx.WEIGHTS).is_file() and not (path / WEIGHTS).exists():
        return read_mlx(path, model)
    return renamed(LoraFile.read(path), model)


def is_gguf(path: Path) -> bool:
    """Whether it is named as llama.cpp's files are, and no folder is."""
    return path.suffix.lower() == ".gguf" and not path.is_dir()
