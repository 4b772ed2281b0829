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
from pipeline.gguf.stacked import expected_stacked, stacks
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_float32
from pipeline.models.stored_shapes import EMBEDDING, HEAD

ROPE_FREQS = "rope_freqs.weight"
ROPE_FACTORS = ("rope_factors_long.weight", "rope_factors_short.weight")


@dataclass(frozen=True)
class Planned:
    """A tensor to write.

    Attributes:
        source: its name in the checkpoint, or its stack's.
        parts: names of the tensors that are stacked; none where it is stored as one.
        name: its name in the GGUF file.
        shape: rows first.
        dtype: what it is written as.
    """

    source: str
    parts: tuple[str, ...]
    name: str
    shape: tuple[int, ...]
    dtype: type[np.float32] | type[np.float16]


def plan(checkpoint: Checkpoint, half: bool) -> list[Planned]:
    """Which tensors are written, by which names, as which type.

    An output layer that is the embedding isn't written twice. What scores experts stays float32.

    Args:
        checkpoint: where they come from.
        half: matrices become float16; vectors, the norms and biases, are float32 always.
    """
    shape, names = checkpoint.config, TensorNames(checkpoint.config)
    stacked, routers = stacks(shape), _routers(shape)
    shapes = expected_stacked(shape)
    places = {name: name for name in shapes}
    places |= {EMBEDDING: checkpoint.embedding, HEAD: checkpoint.head}
    if checkpoint.head == checkpoint.embedding and gguf_architecture(shape).head != "must":
        del places[HEAD]
    stored = checkpoint.weights.tensors
    sizes = {
        name: shapes[name] if name in stacked else stored[source].shape
        for name, source in places.items()
    }
    exact = {name for name, size in sizes.items() if not (half and size[1:]) or name in routers}
    return [
        Planned(
            places[name],
            tuple(stacked.get(name, ())),
            names[name],
            size,
            np.float32 if name in exact else np.float16,
        )
        for name, size in sorted(sizes.items(), key=lambda item: _natural(item[0]))
    ]


def _routers(model: ModelConfig) -> set[str]:
    if (its := model.experts) is None:
        return set()
    layers = range(model.layers)
    return {each(layer) for layer in layers for each in (its.router, its.shared_router)}


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
            if each.parts:
                yield np.stack(
                    [_converted(as_float32(opened.map(opened[part])), each) for part in each.parts]
                )
                continue
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
