"""Base models as GGUF files, which llama.cpp and all programs built on it load."""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import gguf

from pipeline.files.atomic import whole_file
from pipeline.gguf.check import check_gguf
from pipeline.gguf.layout import gguf_architecture
from pipeline.gguf.metadata import write_metadata
from pipeline.gguf.quantise import BLOCKS, quantise
from pipeline.gguf.tensors import write_tensors
from pipeline.gguf.tokenizer import write_tokenizer
from pipeline.models.checkpoint import Checkpoint

FORMAT = 2
"""Of the files written here; another number makes them anew."""


def gguf_of(checkpoint: Checkpoint, precision: str, cache: Path) -> Path:
    """The checkpoint as a GGUF file, from the cache or written now, whole or not at all.

    Quantised files are made from the f16 file where that holds the weights exactly, else from
    the f32 file; it stays in the cache for the other precisions.

    Args:
        checkpoint: the base model.
        precision: one of `PRECISIONS`.
        cache: folder; the file lies in its subfolder `gguf`.

    Raises:
        UsageError: the precision is unknown or doesn't fit the model's widths, or llama.cpp has
            no equal of the model or its tokenizer.
    """
    check_gguf(checkpoint, precision)
    path = cache / "gguf" / f"{_key(checkpoint, precision)}-{precision}.gguf"
    if not path.is_file():
        if precision in BLOCKS:
            source = gguf_of(checkpoint, _exact(checkpoint), cache)
            with whole_file(path) as draft:
                quantise(source, draft, precision)
        else:
            with whole_file(path) as draft:
                _write(checkpoint, precision, draft)
    return path


def _write(checkpoint: Checkpoint, precision: str, path: Path) -> None:
    half = precision == "f16"
    writer = gguf.GGUFWriter(path, gguf_architecture(checkpoint.config).name)
    try:
        kind = gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.ALL_F32
        writer.add_file_type(kind)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        write_metadata(writer, checkpoint)
        write_tokenizer(writer, checkpoint)
        write_tensors(writer, checkpoint, half)
    finally:
        writer.close()


def _exact(checkpoint: Checkpoint) -> str:
    dtypes = {each.dtype for each in checkpoint.weights.tensors.values()}
    return "f16" if dtypes == {"F16"} else "f32"


def _key(checkpoint: Checkpoint, precision: str) -> str:
    made = _maker() if precision in BLOCKS else ""
    recipe = "\n".join([checkpoint.fingerprint(), str(FORMAT), made])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def _maker() -> str:
    try:
        return version("llama-cpp-python")
    except PackageNotFoundError:
        return "none"
