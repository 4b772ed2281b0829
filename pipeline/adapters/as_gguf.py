"""LoRA adapters as GGUF files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX
from pipeline.errors import UsageError
from pipeline.files.atomic import whole_file
from pipeline.gguf.layout import TensorNames, gguf_architecture, interleave, rotated_heads
from pipeline.models.config import ModelConfig
from pipeline.models.safetensors_file import as_float32

FORMAT = 1
"""Of the files written here; another number makes them anew."""
SMALL, LARGE = 1e-6, 1e6
"""Between them an alpha stays as it is; beyond, B holds it."""


def gguf_adapter_of(
    adapter: Adapter, model: ModelConfig, cache: Path, rank_multiple: int = 1
) -> Path:
    """The adapter as a GGUF file, from the cache or written now, whole or not at all.

    Args:
        adapter: it fits the model, which opening it has checked.
        model: the base model's configuration.
        cache: folder; the file lies in its subfolder `gguf`.
        rank_multiple: ranks are filled up with zeros to a whole number of so many.

    Raises:
        UsageError: the adapter is more than plain LoRA, which llama.cpp can't apply.
    """
    if found := adapter.lora.unusual():
        raise UsageError(
            f"{adapter.folder}: {adapter.name} has {', '.join(found)}, which llama.cpp can't "
            "apply; use engine=peft_hotswap"
        )
    recipe = f"{adapter.fingerprint()}\n{model.recipe_line}\n{FORMAT}\n{rank_multiple}"
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    path = cache / "gguf" / f"{key}-lora.gguf"
    if not path.is_file():
        with whole_file(path) as draft:
            _write(adapter, model, draft, rank_multiple)
    return path


def _write(adapter: Adapter, model: ModelConfig, path: Path, rank_multiple: int) -> None:
    writer = gguf.GGUFWriter(path, gguf_architecture(model).name)
    try:
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_name(adapter.name)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, _alpha_of(adapter))
        for name, values in _tensors(adapter, model, rank_multiple):
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _alpha_of(adapter: Adapter) -> float:
    """The one alpha of the file.

    Never 0, which llama.cpp reads as a scaling of 1, nor what float32, as which it is stored,
    rounds to 0 or can't multiply by without loss.
    """
    alpha = adapter.lora.alpha
    return alpha if SMALL < abs(alpha) < LARGE else 1.0


def _tensors(
    adapter: Adapter, model: ModelConfig, rank_multiple: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """A (rank, in) and B (out, rank) of every module, float32, by their names in the file.

    llama.cpp scales B·A by alpha / rank, with one alpha for the whole file. What differs from
    that, under rsLoRA or an alpha pattern, is multiplied into B.
    """
    names = TensorNames(model)
    with adapter.lora.open() as opened:
        for module in filter(adapter.lora.targets, model.modules()):
            stored = (opened[f"{PREFIX}{module}.lora_{part}.weight"] for part in "AB")
            a, b = (as_float32(opened.read(each)) for each in stored)
            if heads := rotated_heads(module, model):
                b = interleave(b, heads)
            rank = len(a)
            more = -rank % rank_multiple
            b = b * (adapter.lora.scaling(module) * (rank + more) / _alpha_of(adapter))
            name = names[f"{module}.weight"]
            yield f"{name}.lora_a", np.pad(a, ((0, more), (0, 0)))
            yield f"{name}.lora_b", np.pad(b, ((0, 0), (0, more)))
