"""A checkpoint's tensors in llama.cpp's order of rows, streamed into a GGUF file one by one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np

from pipeline.errors import UsageError
from pipeline.models.architecture import PROJECTIONS
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.gguf_layout import TensorNames, gguf_architecture, interleave, rotated_heads
from pipeline.models.gguf_rope import frequency_divisors
from pipeline.models.stored_shapes import Shapes, biases, required
from pipeline.models.weights import StoredWeights

if TYPE_CHECKING:
    from torch import Tensor

FLOATS = {"F16", "BF16", "F32"}
ROPE_FREQS = "rope_freqs.weight"
_DERIVED = re.compile(r"rotary_emb\.inv_freq$")
_QKV = ("q_proj", "k_proj", "v_proj")
_BIASED = {"llama": PROJECTIONS, "qwen2": _QKV, "qwen3": _QKV}
"""Projections that may have a bias in llama.cpp, by its architecture."""


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


def plan(checkpoint: Checkpoint, weights: StoredWeights, half: bool, tied: bool) -> list[Planned]:
    """Which tensors are written, by which names, as which type.

    Args:
        checkpoint: where they come from.
        weights: its tensors.
        half: matrices become float16; vectors, the norms and biases, are float32 always.
        tied: the output layer is the embedding, so it isn't written twice.

    Raises:
        UsageError: a tensor is missing, of another shape or type, or unknown to llama.cpp.
    """
    stored = {
        name: shape
        for name, shape in weights.shapes.items()
        if not _DERIVED.search(name) and not (tied and name == "lm_head.weight")
    }
    _check(checkpoint, weights, stored, tied)
    names = TensorNames(checkpoint.architecture)
    return [
        Planned(source, names[source], shape, np.float16 if half and shape[1:] else np.float32)
        for source, shape in sorted(stored.items(), key=lambda item: _natural(item[0]))
    ]


def write_tensors(
    writer: gguf.GGUFWriter, checkpoint: Checkpoint, config: Any, weights: StoredWeights, half: bool
) -> None:
    """Write header, metadata and tensors; one tensor at a time is in memory."""
    planned = plan(checkpoint, weights, half, bool(config.tie_word_embeddings))
    divisors = frequency_divisors(config)
    for each in planned:
        size = int(np.prod(each.shape)) * np.dtype(each.dtype).itemsize
        writer.add_tensor_info(each.name, each.shape, np.dtype(each.dtype), size)
    if divisors is not None:
        size = divisors.numel() * 4
        writer.add_tensor_info(ROPE_FREQS, tuple(divisors.shape), np.dtype(np.float32), size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for array in _arrays(planned, checkpoint, weights):
        writer.write_tensor_data(array)
    if divisors is not None:
        writer.write_tensor_data(divisors.numpy())


def _arrays(
    planned: list[Planned], checkpoint: Checkpoint, weights: StoredWeights
) -> Iterator[np.ndarray[Any, Any]]:
    for each in planned:
        tensor = weights.read(each.source)
        if heads := rotated_heads(each.source, checkpoint.architecture):
            tensor = interleave(tensor, heads)
        yield _as_array(tensor, each)


def _as_array(tensor: "Tensor", each: Planned) -> np.ndarray[Any, Any]:
    import torch

    dtype = torch.float16 if each.dtype is np.float16 else torch.float32
    converted = tensor.to(dtype).contiguous()
    if not converted.isfinite().all():
        raise UsageError(f"{each.source} doesn't fit {dtype}; use precision f32")
    array: np.ndarray[Any, Any] = converted.numpy()
    return array


def _check(checkpoint: Checkpoint, weights: StoredWeights, stored: Shapes, tied: bool) -> None:
    shape, where = checkpoint.architecture, checkpoint.folder
    needed = required(shape, tied)
    known = needed | biases(shape, _BIASED[gguf_architecture(shape)])
    if missing := sorted(needed.keys() - stored.keys()):
        raise UsageError(f"{where}: tensor {missing[0]} is missing; fetch the checkpoint again")
    for name, size in stored.items():
        if name not in known:
            raise UsageError(f"{where}: llama.cpp has no place for tensor {name}")
        if size != known[name]:
            raise UsageError(f"{where}: {name} is {size}, config.json says {known[name]}")
        if weights.dtypes[name] not in FLOATS:
            raise UsageError(f"{where}: {name} is {weights.dtypes[name]}, which isn't a float")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
