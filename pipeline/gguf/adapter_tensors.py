"""A LoRA adapter's matrices as llama.cpp multiplies them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from safetensors import safe_open

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX, WEIGHTS
from pipeline.gguf.layout import TensorNames, interleave, rotated_heads
from pipeline.models.config import ModelConfig

SMALL, LARGE = 1e-6, 1e6
"""Between them an alpha stays as it is; beyond, B holds it."""
Named = tuple[str, "np.ndarray[Any, Any]"]


def alpha_of(adapter: Adapter) -> float:
    """The one alpha of the file.

    Never 0, which llama.cpp reads as a scaling of 1, nor what float32, as which it is stored,
    rounds to 0 or can't multiply by without loss.
    """
    alpha = adapter.lora.alpha
    return alpha if SMALL < abs(alpha) < LARGE else 1.0


def tensors(adapter: Adapter, model: ModelConfig) -> Iterator[Named]:
    """A (rank, in) and B (out, rank) of every module, float32, by their names in the file.

    llama.cpp scales B·A by alpha / rank, with one alpha for the whole file. What differs from
    that, under rsLoRA or an alpha pattern, is multiplied into B.
    """
    names = TensorNames(model)
    with safe_open(adapter.folder / WEIGHTS, framework="pt") as stored:
        for module in filter(adapter.lora.targets, model.modules()):
            a, b = (
                stored.get_tensor(f"{PREFIX}{module}.lora_{part}.weight").float() for part in "AB"
            )
            if heads := rotated_heads(module, model):
                b = interleave(b, heads)
            rank = adapter.lora.rank(module)
            b = b * (adapter.lora.scaling(module) * rank / alpha_of(adapter))
            name = names[f"{module}.weight"]
            yield f"{name}.lora_a", a.contiguous().numpy()
            yield f"{name}.lora_b", b.contiguous().numpy()
