"""Which kernels compute."""

import warnings
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pipeline.kernels.kernels import Kernels

KernelChoice = Literal["native", "reference"]
"""What `engine.kernels` may be."""


def kernels_for(threads: int, wanted: KernelChoice) -> "Kernels":
    """Those wanted; or, with a warning, the reference where the native ones can't be compiled."""
    from pipeline.kernels.library import BuildError
    from pipeline.kernels.native import NativeKernels
    from pipeline.kernels.reference import ReferenceKernels

    if wanted == "reference":
        return ReferenceKernels()
    try:
        return NativeKernels(threads)
    except BuildError as error:
        fallback = (
            f"engine=multilora computed in plain PyTorch, far slower: {error}; "
            "to measure that, ask for it: engine.kernels=reference"
        )
        warnings.warn(fallback, RuntimeWarning, stacklevel=2)
        return ReferenceKernels(fallback)
