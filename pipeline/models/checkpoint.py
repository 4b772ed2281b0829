"""A base model on disk."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.models.architecture import Architecture
from pipeline.models.fingerprint import fingerprint

PICKLES = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class Checkpoint:
    """A folder with `config.json`, safetensors weights and `tokenizer.json`."""

    folder: Path
    architecture: Architecture

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The checkpoint in `folder`, checked without reading its weights.

        Raises:
            UsageError: the folder isn't there, or lacks a part, or has pickled weights only.
        """
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; give the path of a checkpoint")
        architecture = Architecture.read(folder)
        if not any(folder.glob("*.safetensors")):
            pickles = [each.name for each in folder.iterdir() if each.suffix in PICKLES]
            found = f"only {pickles[0]}, a pickle, which is never loaded" if pickles else "none"
            raise UsageError(f"{folder}: safetensors weights are needed; found {found}")
        if not (folder / "tokenizer.json").is_file():
            raise UsageError(f"{folder}: no tokenizer.json; save the fast tokenizer beside it")
        return cls(folder, architecture)

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, which needs no torch."""
        return Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    def end_ids(self) -> frozenset[int]:
        """Ids that end a text: by `generation_config.json` where it says, else `config.json`."""
        for name in ("generation_config.json", "config.json"):
            path = self.folder / name
            ids = (
                json.loads(path.read_text("utf-8")).get("eos_token_id") if path.is_file() else None
            )
            if ids is not None:
                return frozenset(ids if isinstance(ids, list) else [ids])
        return frozenset()

    def fingerprint(self) -> str:
        """SHA-256 of everything that decides its output."""
        files = [*self.folder.glob("*.safetensors"), self.folder / "config.json"]
        return fingerprint([*files, self.folder / "tokenizer.json"])
