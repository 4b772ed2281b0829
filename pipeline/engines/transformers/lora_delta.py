"""LoRA as a change of weights: W + scaling · B·A (Hu et al. 2021, section 4.1).

DoRA (Liu et al. 2024) then gives each row of that a length of its own.
"""

from typing import Any

import torch
from torch import Tensor

from pipeline.adapters.adapter import Adapter
from pipeline.adapters.lora_file import PREFIX
from pipeline.models.safetensors_file import as_tensor

Factors = dict[str, tuple[Tensor, Tensor, float]]
"""Per module path: A (rank, in), B (out, rank) and the scaling."""

Magnitudes = dict[str, Tensor]
"""Per module path: the length of each row (out,), of the modules that have DoRA."""


def read_factors(adapter: Adapter) -> Factors:
    """The adapter's matrices, fp32."""
    suffix, factors = ".lora_A.weight", {}
    with adapter.lora.open() as opened:
        for name in (each.name for each in opened if each.name.endswith(suffix)):
            stem = name.removesuffix(suffix)
            a, b = (as_tensor(opened.read(opened[f"{stem}.lora_{part}.weight"])) for part in "AB")
            module = stem.removeprefix(PREFIX)
            factors[module] = (a.float(), b.float(), adapter.lora.scaling(module))
    return factors


def read_magnitudes(adapter: Adapter) -> Magnitudes:
    """The adapter's magnitudes, fp32."""
    suffix = ".lora_magnitude_vector"
    with adapter.lora.open() as opened:
        found = {each.name: opened.read(each) for each in opened if each.name.endswith(suffix)}
    return {
        name.removesuffix(suffix).removeprefix(PREFIX): as_tensor(numbers).float()
        for name, numbers in found.items()
    }


class FoldedWeights:
    """Puts one adapter at a time into a model's weights, always from the pristine ones.

    Subtracting an update again would leave rounding behind; copying doesn't.
    """

    def __init__(self, model: Any) -> None:
        self._modules = dict(model.named_modules())
        self._pristine: dict[str, Tensor] = {}

    @torch.inference_mode()
    def fold(self, factors: Factors, magnitudes: Magnitudes | None = None) -> None:
        """Make the model the base plus this adapter; no factors give the base."""
        for module, weight in self._pristine.items():
            self._modules[module].weight.copy_(weight)
        for module, (a, b, scaling) in factors.items():
            weight = self._modules[module].weight
            self._pristine.setdefault(module, weight.detach().clone())
            weight.add_((b @ a).to(weight.dtype), alpha=scaling)
            if magnitudes and module in magnitudes:
                lengths = magnitudes[module] / weight.float().norm(dim=1)
                weight.mul_(lengths[:, None].to(weight.dtype))
