"""Which kernels compute."""

import warnings

from pipeline.engines.multilora.kernels.kernels import Kernels


def kernels_for(threads: int) -> Kernels:
    """The native kernels, or, with a warning, the reference where they can't be compiled."""
    from pipeline.engines.multilora.kernels.library import BuildError
    from pipeline.engines.multilora.kernels.native import NativeKernels
    from pipeline.engines.multilora.kernels.reference import ReferenceKernels

    try:
        return NativeKernels(threads)
    except BuildError as error:
        warnings.warn(
            f"engine=multilora computes in plain PyTorch, far slower: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return ReferenceKernels()
