"""What several of the plain-PyTorch kernels compute."""

import torch
from torch import Tensor

from pipeline.kernels.layout import Matrix
from pipeline.kernels.quantise import quantised_activations


def as_integers(values: Tensor, matrix: Matrix) -> Tensor:
    """The activations that a matrix meets: what their integers stand for, if it has integers."""
    if not matrix.format.scale_bits:
        return values
    levels, scales = quantised_activations(values, matrix.format)
    return (levels * scales[..., None]).flatten(1)[:, : matrix.columns]


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """X / √(mean(x²) + ε) · weight, over the last dimension (Zhang and Sennrich 2019)."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight
