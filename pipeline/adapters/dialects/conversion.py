"""Adapters of another dialect, kept in the cache as PEFT would have saved them."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.lora_file import CONFIG, WEIGHTS, LoraFile
from pipeline.files.atomic import whole_folder
from pipeline.models.config import ModelConfig
from pipeline.models.files import fingerprint
from pipeline.models.safetensors_writer import Declared, write_header

FORMAT = 1
"""Of what is written here; another number makes all of it anew."""


@dataclass(frozen=True)
class Conversion:
    """How the files of a dialect become PEFT's; nothing is read yet.

    Attributes:
        files: that decide what comes out, beside the model.
        tensors: type and shape of each of PEFT's tensors by its name.
        numbers: reads them, one after the other, in that order and of those types and shapes.
    """

    files: tuple[Path, ...]
    tensors: Declared
    numbers: Callable[[], Iterator[NDArray[Any]]]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """By name."""
        return {name: shape for name, (_, shape) in self.tensors.items()}

    def kept(self, lora: LoraFile, model: ModelConfig, cache: Path) -> LoraFile:
        """The same adapter in PEFT's format, from the cache or written now, whole or not at all.

        Args:
            lora: what the files say, as PEFT would say it; it fits the model.
            model: the base model's configuration.
            cache: folder; what is written lies in its subfolder `adapters`.

        Raises:
            UsageError: a file is cut short, or isn't what it was when its header was read.
        """
        recipe = f"{FORMAT}\n{fingerprint(self.files)}\n{model.recipe_line}"
        name = hashlib.sha256(recipe.encode()).hexdigest()[:16]
        folder = cache / "adapters" / f"{name}-converted"
        if not folder.is_dir():
            with whole_folder(folder) as draft:
                self._write(lora.config, draft)
        return replace(lora, folder=folder, origin=lora.folder)

    def _write(self, config: Mapping[str, Any], folder: Path) -> None:
        (folder / CONFIG).write_text(json.dumps(config, indent=2), "utf-8")
        with (folder / WEIGHTS).open("wb") as file:
            write_header(file, self.tensors, {"format": "pt"})
            for numbers in self.numbers():
                file.write(np.ascontiguousarray(numbers).data)
