"""A model in a GGUF file as a checkpoint folder, which every engine and library reads.

Numbers that stand for themselves are written as they are; of the others there is their value in
fp32, which ggml computes with, so that nothing is rounded a second time.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from pathlib import Path
from shutil import disk_usage
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.files.atomic import whole_folder
from pipeline.gguf.dequantise import FLOATS, GgufRows, check_types
from pipeline.gguf.file import GgufFile
from pipeline.gguf.layout import TensorNames, part, rotated_heads
from pipeline.gguf.ready_made import check_base
from pipeline.gguf.stored_config import config_in
from pipeline.gguf.stored_tokenizer import ARRAYS, tokenizer_config_in, tokenizer_in
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import CONFIG, GENERATION, ModelConfig
from pipeline.models.content_hash import sha256_of
from pipeline.models.safetensors_file import NUMPY
from pipeline.models.safetensors_header import BITS
from pipeline.models.safetensors_writer import write_header
from pipeline.models.stored_shapes import HEAD, expected
from pipeline.models.tokenizer import TOKENIZER, TOKENIZER_CONFIG
from pipeline.models.weight_files import SINGLE

FORMAT = 2
"""Of the folders written here; another number makes them anew."""
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
_STRANGE = re.compile(r"^\.+|[^\w.-]", re.ASCII)
PIECE = 1 << 22
"""Numbers that are in memory at a time, unless one head of a projection has more."""


def checkpoint_of(path: Path, cache: Path) -> Checkpoint:
    """The model of a GGUF file as a checkpoint, from the cache or made now, whole or not at all.

    Args:
        path: the file.
        cache: folder; the checkpoint lies in its subfolder `models`.

    Raises:
        UsageError: it isn't a model that can be served here; the message names the file and why.
    """
    file = GgufFile.read(path, ARRAYS)
    key = hashlib.sha256(f"{sha256_of(path)}\n{FORMAT}".encode()).hexdigest()[:12]
    folder = cache / "models" / f"{re.sub(_STRANGE, '_', path.stem)[:60]}-{key}"
    if not folder.is_dir():
        with whole_folder(folder) as draft:
            _convert(file, draft)
            try:
                Checkpoint.open(draft)
            except UsageError as error:
                said = str(error).replace(str(draft), "the checkpoint in it")
                raise UsageError(f"{path}: can't be served: {said}") from error
    return replace(Checkpoint.open(folder), gguf=path.absolute())


def _convert(file: GgufFile, folder: Path) -> None:
    config = config_in(file)
    model = ModelConfig.from_config(config, str(file.path))
    tokenizer, beside = tokenizer_in(file), tokenizer_config_in(file)
    check_base(file, model)
    ends = {key: config[key] for key in _IDS if config[key] is not None} | _end_ids(file, config)
    _write(folder / CONFIG, {"architectures": [_class_of(model)], **config})
    _write(folder / GENERATION, ends)
    _write(folder / TOKENIZER, tokenizer)
    _write(folder / TOKENIZER_CONFIG, beside)
    _write_weights(file, model, folder / SINGLE)


def _end_ids(file: GgufFile, config: Mapping[str, Any]) -> dict[str, list[int]]:
    """All that end an answer: of a text, of a turn, of a message."""
    named = [file.metadata.get(f"tokenizer.ggml.{each}_token_id") for each in ("eot", "eom")]
    found = dict.fromkeys([config.get("eos_token_id"), *named])
    ids = [each for each in found if type(each) is int and each < config["vocab_size"]]
    return {"eos_token_id": ids} if len(ids) > 1 else {}


def _class_of(model: ModelConfig) -> str:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return str(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[model.family.name])


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")


def _write_weights(file: GgufFile, model: ModelConfig, path: Path) -> None:
    names = TensorNames(model)
    sizes = expected(model)
    if model.tied:
        del sizes[HEAD]
    shapes = {name: shape for name, shape in sizes.items() if names[name] in file.tensors}
    check_types(file, (names[name] for name in shapes))
    types = {name: file.tensors[names[name]].type for name in shapes}
    kinds = {name: each.upper() if each in FLOATS else "F32" for name, each in types.items()}
    _check_disk(file, path, sum(prod(shapes[name]) * BITS[kinds[name]] // 8 for name in shapes))
    with path.open("wb") as target, GgufRows(file) as source:
        write_header(target, {name: (kinds[name], shapes[name]) for name in shapes})
        for name in shapes:
            for piece in _pieces(name, names[name], shapes[name], source, model):
                target.write(_as(piece, kinds[name]).data)


def _check_disk(file: GgufFile, path: Path, needed: int) -> None:
    if needed > (free := disk_usage(path.parent).free):
        raise UsageError(
            f"paths.cache: the weights of {file.path} take {needed / 1e9:.3g} GB in fp32, and the "
            f"disk has {free / 1e9:.3g} GB free; free some, or give another paths.cache"
        )


def _pieces(
    name: str, stored: str, shape: tuple[int, ...], source: GgufRows, model: ModelConfig
) -> Iterator[NDArray[np.float32]]:
    """A tensor in parts of whole rows, of whole heads where the two orders of rows differ."""
    rows, *width = shape
    heads = rotated_heads(name, model)
    unit = rows // heads if heads else 1
    step = max(PIECE // (unit * width[0]), 1) * unit if width else rows
    for first in range(0, rows, step):
        piece = source.rows(stored, first, first + step)
        if not width and name.endswith("norm.weight"):
            piece = piece - np.float32(model.family.norms.shift)
        yield part(piece, len(piece) // unit) if heads else piece


def _as(numbers: NDArray[np.float32], kind: str) -> NDArray[Any]:
    """Numbers in the type that they came from, without loss."""
    if kind == "BF16":
        return (numbers.view(np.uint32) >> 16).astype(np.uint16)
    return numbers.astype(NUMPY[kind])
