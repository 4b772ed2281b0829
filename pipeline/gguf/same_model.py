"""Whether a GGUF file that others made holds the very model of a checkpoint, by what it says."""

from math import isclose
from pathlib import Path
from typing import NoReturn

import numpy as np
from gguf import TokenType

from pipeline.errors import UsageError, shown
from pipeline.gguf.file import GgufFile
from pipeline.gguf.layout import gguf_architecture
from pipeline.gguf.ready_made import check_base
from pipeline.gguf.said import Said
from pipeline.gguf.stored_rope import rope_in
from pipeline.gguf.stored_tokenizer import TOKENS, TYPES
from pipeline.gguf.stored_values import CLIP
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.rope import RopeConfig

CLOSE = 1e-5
"""Largest difference of two numbers that are the same but for their rounding to 32 bits."""


def check_same_model(path: Path, checkpoint: Checkpoint) -> Path:
    """The path, if the file holds that model: its shape, constants and tokens, whatever its types.

    Prompts are drawn for the checkpoint, by its tokenizer, and answers are held against it.

    Raises:
        UsageError: it doesn't; the error names the first difference.
    """
    model = checkpoint.config
    file = GgufFile.read(path, (TOKENS, TYPES))
    check_base(file, model)
    said = Said.of(file)
    numbers = {gguf_architecture(model).epsilon: model.epsilon, CLIP: model.scales.clip_qkv or 0.0}
    for key, wanted in numbers.items():
        found = said.number(key, 0.0 if key == CLIP else wanted)
        if not isclose(found, wanted, rel_tol=CLOSE):
            _differs(said, f"{key} is {found}", f"{wanted}")
    _check_rope(said, model)
    if checkpoint.is_made:
        _check_tokens(said, checkpoint)
    return path


def _check_rope(said: Said, model: ModelConfig) -> None:
    config = {
        "rope_parameters": rope_in(said, model.family, model.head_dim),
        "max_position_embeddings": said.count("context_length"),
    }
    where = str(said.file.path)
    pairs = (
        (RopeConfig.from_config(model.family, config, model.head_dim, where), model.rope),
        (RopeConfig.of_windows(model.family, config, model.head_dim, where), model.window_rope),
    )
    for found, wanted in pairs:
        if found and wanted and not _alike(found, wanted, model.head_dim):
            _differs(said, f"rope is {dict(found.parameters)}", f"{dict(wanted.parameters)}")


def _alike(one: RopeConfig, other: RopeConfig, head_dim: int) -> bool:
    """Whether they turn alike, where both can be computed: parameters have several spellings."""
    if not (one.is_computed and other.is_computed):
        return one.kind == other.kind
    ours, theirs = (each.frequencies(head_dim) for each in (one, other))
    return (
        ours.shape == theirs.shape
        and bool(np.allclose(ours, theirs, rtol=CLOSE, atol=0))
        and isclose(one.attention_factor, other.attention_factor, rel_tol=CLOSE)
    )


def _check_tokens(said: Said, checkpoint: Checkpoint) -> None:
    """Ordinary ones; converters spell others, such as runs of spaces, in ways of their own."""
    tokens, types = (said.file.metadata.get(each) for each in (TOKENS, TYPES))
    if not isinstance(tokens, list) or not isinstance(types, np.ndarray):
        return
    tokenizer = checkpoint.tokenizer()
    for id_, (found, kind) in enumerate(zip(tokens, types, strict=False)):
        wanted = tokenizer.id_to_token(id_)
        if kind == TokenType.NORMAL and wanted not in (None, found):
            raise UsageError(
                f"{said.file.path}: token {id_} is {shown(found)}, this model's tokenizer has "
                f"{shown(wanted)}; name a file of this model"
            )


def _differs(said: Said, found: str, wanted: str) -> NoReturn:
    raise UsageError(
        f"{said.file.path}: {said.architecture}.{found:.200}, this model has {wanted:.200}; "
        "name a file of this model"
    )
