"""A checkpoint's tensors in llama.cpp's order of rows, streamed into a GGUF file one by one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np

from pipeline.errors import UsageError
from pipeline.models.checkpoint import Checkpoint
from pipeline.models.gguf_layout import TensorNames, interleave, rotated_heads
from pipeline.models.gguf_rope import frequency_divisors
from pipeline.models.weights import StoredWeights

if TYPE_CHECKING:
    from torch import Tensor

FLOATS = {"F16", "BF16", "F32"}
ROPE_FREQS = "rope_freqs.weight"
_DERIVED = re.compile(r"rotary_emb\.inv_freq$")


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
        UsageError: a tensor is missing, of another shape, or has no place in llama.cpp.
    """
    names, planned = TensorNames(checkpoint.architecture), []
    for source, shape in sorted(weights.shapes.items(), key=lambda item: _natural(item[0])):
        if _DERIVED.search(source) or (tied and source == "lm_head.weight"):
            continue
        name = names.get(source)
        if name is None or not _has_place(source, checkpoint):
            raise UsageError(f"{checkpoint.folder}: llama.cpp has no place for tensor {source}")
        if weights.dtypes[source] not in FLOATS:
            raise UsageError(f"{checkpoint.folder}: {source} is {weights.dtypes[source]}, no float")
        dtype = np.float16 if half and len(shape) > 1 else np.float32
        planned.append(Planned(source, name, shape, dtype))
    _check_complete(checkpoint, weights, tied)
    return planned


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


def _has_place(source: str, checkpoint: Checkpoint) -> bool:
    """Qwen's layers have biases on q, k and v alone in llama.cpp; Llama's may have all."""
    if source.endswith(".bias") and checkpoint.architecture.family.startswith("qwen"):
        return source.endswith(("q_proj.bias", "k_proj.bias", "v_proj.bias"))
    return True


def _check_complete(checkpoint: Checkpoint, weights: StoredWeights, tied: bool) -> None:
    shape = checkpoint.architecture
    expected: dict[str, tuple[int, ...]] = {
        f"{module}.weight": size for module, size in shape.modules().items()
    }
    table = (shape.vocabulary, shape.hidden)
    expected |= {"model.embed_tokens.weight": table, "model.norm.weight": (shape.hidden,)}
    if not tied:
        expected["lm_head.weight"] = table
    for name, size in expected.items():
        if weights.shapes.get(name) != size:
            found = weights.shapes.get(name, "missing")
            raise UsageError(f"{checkpoint.folder}: {name} is {found}, config.json says {size}")


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]
