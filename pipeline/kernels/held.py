"""What kernels may be given by its address: numbers of a type and shape, one after another."""

import torch
from torch import Tensor


def held(tensor: Tensor, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """The tensor, if C can read it by its address alone.

    Raises:
        ValueError: it is of another type or shape, or elsewhere than in memory, or not in one
            piece.
    """
    found = (tensor.dtype, tuple(tensor.shape), tensor.device.type, tensor.is_contiguous())
    if found != (dtype, shape, "cpu", True):
        said = f"{tensor.dtype} {list(tensor.shape)} on {tensor.device}"
        raise ValueError(
            f"a tensor of {said}{'' if found[3] else ', not in one piece'}; "
            f"the kernels take {dtype} {list(shape)}"
        )
    return tensor
