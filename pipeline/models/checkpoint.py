"""A base model on disk."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.models.config import CONFIG, GENERATION, ModelConfig
from pipeline.models.files import AGAIN, fingerprint, is_there
from pipeline.models.finite import is_finite
from pipeline.models.stored_shapes import EMBEDDING, HEAD, check_tensors
from pipeline.models.tokenizer import (
    MAX_TOKENIZER_BYTES,
    SPECIAL_TOKENS,
    TOKENIZER,
    TOKENIZER_CONFIG,
    check_tokenizer,
    read_tokenizer,
)
from pipeline.models.weight_files import weight_files
from pipeline.models.weights import StoredWeights

BESIDE = (
    *(CONFIG, GENERATION, TOKENIZER, TOKENIZER_CONFIG),
    *(SPECIAL_TOKENS, "added_tokens.json", "chat_template.jinja"),
)
"""Files beside the weights that decide what goes in and what comes out."""
ADAPTER = "adapter_config.json"
"""Of an adapter that lies in the model's own folder."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder with `config.json`, `tokenizer.json` and, unless they lie elsewhere, the weights.

    Attributes:
        folder: where it lies, or will lie once it is made.
        config: the description of the model that all engines go by.
        tokenizer_source: the `tokenizer.json` that its own will be made from; None once it is made.
        gguf: the GGUF file that it was made of, if it was.
        elsewhere: its tensors where they lie, if that isn't in safetensors files of the folder.
    """

    folder: Path
    config: ModelConfig
    tokenizer_source: Path | None = None
    gguf: Path | None = None
    elsewhere: StoredWeights | None = field(default=None, repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path, elsewhere: StoredWeights | None = None) -> Self:
        """The checkpoint in `folder`, every tensor's name, shape and type checked; none is read.

        Args:
            folder: that holds it.
            elsewhere: its tensors, if the folder doesn't hold those.

        Raises:
            UsageError: the folder isn't there, lacks a part, holds pickled or quantised weights,
                or tensors that aren't those of the model its `config.json` describes.
        """
        if not os.path.isdir(folder):  # Path's own raises for a name that is too long.
            raise UsageError(f"{folder}: no such folder; give the path of a checkpoint")
        if not _is_text(folder):
            raise UsageError(
                f"{folder}: its name isn't UTF-8, which no record of a run can repeat; rename it"
            )
        checkpoint = cls(folder, ModelConfig.read(folder), elsewhere=elsewhere)
        check_tensors(checkpoint.weights, checkpoint.config)
        check_tokenizer(folder)
        _sound_beside(folder)
        if os.path.lexists(folder / ADAPTER):
            raise UsageError(
                f"{folder / ADAPTER}: transformers would put that adapter into the base itself; "
                "move it out of the model's folder and serve it by adapters=folder"
            )
        return checkpoint

    def check_numbers(self) -> Self:
        """The checkpoint itself, every number of its weights looked at.

        Raises:
            UsageError: one is NaN or infinite.
        """
        with self.weights.open() as opened:
            for each in opened:
                if not is_finite(each, opened.read):
                    raise UsageError(f"{each.path}: {each.name} holds NaN or infinity; {AGAIN}")
        return self

    @property
    def is_made(self) -> bool:
        """Whether its files are there."""
        return self.folder.is_dir()

    @cached_property
    def weights(self) -> StoredWeights:
        """Its tensors, wherever they lie."""
        return self.elsewhere or StoredWeights.read(weight_files(self.folder, self.config.weights))

    @cached_property
    def embedding(self) -> str:
        """Name of the stored input embedding; of the output layer where that alone is stored."""
        return EMBEDDING if EMBEDDING in self.weights else HEAD

    @cached_property
    def head(self) -> str:
        """Name of the stored output layer: the embedding's where it is the same.

        transformers ties the two if `config.json` says so, unless both are stored and differ.
        """
        weights = self.weights
        if not self.config.tied:
            return HEAD
        apart = HEAD in weights and EMBEDDING in weights and not weights.alike(EMBEDDING, HEAD)
        return HEAD if apart else self.embedding

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer."""
        return read_tokenizer(self.folder / TOKENIZER)

    def fingerprint(self) -> str:
        """SHA-256 of everything that decides its output: the weights that count, and `BESIDE`."""
        return self._fingerprint

    def is_unchanged(self) -> bool:
        """Whether its files are what they were when its fingerprint was taken."""
        return self._hash() == self.fingerprint()

    @cached_property
    def _fingerprint(self) -> str:
        return self._hash()

    def _hash(self) -> str:
        beside = [self.folder / name for name in BESIDE]
        return fingerprint([*self.weights.files, *filter(is_there, beside)])


def _is_text(folder: Path) -> bool:
    try:
        str(folder.absolute()).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _sound_beside(folder: Path) -> None:
    """Libraries read files that nothing here looks into."""
    for path in (folder / name for name in BESIDE):
        if is_there(path) and path.stat().st_size > MAX_TOKENIZER_BYTES:
            raise UsageError(f"{path}: far larger than such a file is; {AGAIN}")
