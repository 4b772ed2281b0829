"""A checkpoint's tensors in llama.cpp's order of rows, streamed into a GGUF file one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError
from pipeline.gguf.layout import TensorNames, gguf_architecture, interleave, rotated_heads
from pipeline.gguf.metadata import rope_divisors, rope_factors
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_float32
from pipeline.models.stored_shapes import EMBEDDING, HEAD, expected

ROPE_FREQS = "rope_freqs.weight"
ROPE_FACTORS = ("rope_factors_long.weight", "rope_factors_short.weight")


@dataclass(frozen=True)
class Planned:
    """A tensor to write.

    Attributes:
        source: its name in the checkpoint.
        name: its name in the GGUF file.
        shape: rows first.
        dtype: what it is written as.
    """

    source: str
    name: str
    shape: tuple[int, ...]
    dtype: type[np.float32] | type[np.float16]


def plan(checkpoint: Checkpoint, half: bool) -> list[Planned]:
    """Which tensors are written, by which names, as which type.

    An output layer that is the embedding isn't written twice.

    Args:
        checkpoint: where they come from.
        half: matrices become float16; vectors, the norms and biases, are float32 always.
    """
    shape, names = checkpoint.config, TensorNames(checkpoint.config)
    places = {name: name for name in expected(shape)}
    places |= {EMBEDDING: checkpoint.embedding, HEAD: checkpoint.head}
    if checkpoint.head == checkpoint.embedding and gguf_architecture(shape).head != "must":
        del places[HEAD]
    sizes = {name: checkpoint.weights.tensors[source].shape for name, source in places.items()}
    return [
        Planned(places[name], names[name], size, np.float16 if half and size[1:] else np.float32)
        for name, size in sorted(sizes.items(), key=lambda item: _natural(item[0]))
    ]


def write_tensors(writer: gguf.GGUFWriter, checkpoint: Checkpoint, half: bool) -> None:
    """Write header, metadata and tensors; one tensor at a time is in memory."""
    planned = plan(checkpoint, half)
    rope = _rope_tensors(checkpoint.config)
    for each in planned:
        size = int(np.prod(each.shape)) * np.dtype(each.dtype).itemsize
        writer.add_tensor_info(each.name, each.shape, np.dtype(each.dtype), size)
    for name, numbers in rope.items():
        writer.add_tensor_info(name, numbers.shape, numbers.dtype, numbers.nbytes)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for array in _arrays(planned, checkpoint):
        writer.write_tensor_data(array)
    for numbers in rope.values():
        writer.write_tensor_data(numbers)


def _rope_tensors(model: ModelConfig) -> dict[str, NDArray[np.float32]]:
    """By which frequencies are divided one by one, where they are."""
    if (factors := rope_factors(model)) is not None:
        return dict.fromkeys(ROPE_FACTORS, factors)
    divisors = rope_divisors(model)
    return {} if divisors is None else {ROPE_FREQS: divisors}


def _arrays(planned: list[Planned], checkpoint: Checkpoint) -> Iterator[NDArray[Any]]:
    with checkpoint.weights.open() as opened:
        for each in planned:
            numbers = as_float32(opened.map(opened[each.source]))
            if heads := rotated_heads(each.source, checkpoint.config):
                numbers = interleave(numbers, heads)
            if numbers.ndim == 1 and each.source.endswith("norm.weight"):
                numbers = numbers + np.float32(checkpoint.config.family.norms.shift)
            yield _converted(numbers, each)


def _converted(numbers: NDArray[np.float32], each: Planned) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(numbers, each.dtype)
    if not np.isfinite(converted).all():
        raise UsageError(f"{each.source} doesn't fit {each.dtype.__name__}; use precision f32")
    return converted


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
