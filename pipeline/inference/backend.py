"""What computes inside an engine: the same engine is many times slower on other kernels."""

from collections.abc import Iterable
from dataclasses import dataclass

ALIASES = {
    "AVX512_VNNI": "AVX-512 VNNI",
    "AVX512": "AVX-512",
    "AVX512F": "AVX-512",
    "AVX_VNNI": "AVX-VNNI",
    "AVX2": "AVX2",
    "AVX": "AVX",
    "SVE": "SVE",
    "MATMUL_INT8": "NEON i8mm",
    "DOTPROD": "NEON dotprod",
    "NEON": "NEON",
    "ASIMD": "NEON",
    "SSE4_2": "SSE4.2",
    "SSSE3": "SSSE3",
    "SSE3": "SSE3",
}
"""Names that libraries give to instruction sets, and ours for them: the widest vectors first, and
those with dot products of integers before others as wide."""

PORTABLE = "portable"
"""Of kernels that use no vectors beyond what every such processor has."""


@dataclass(frozen=True)
class Backend:
    """What an engine computes with, as `environment.json` keeps it.

    Attributes:
        kernels: whose they are: `native` and `reference` are our own engine's.
        instruction_set: the widest vectors that they use; None where nothing is computed.
        built: compiler or library, with its version.
        fallback: why these compute and not those that were asked for; None if they are. A run on a
            fallback is INVALID: its figures are another thing's.
        stand_ins: which weights aren't of the type that the precision is named after, and of which
            they are; None if all are. Such a run counts, with a caution.
        flags: of the compiler; None where they aren't known.
        source: SHA-256 of the kernels' source; None where it isn't ours.
    """

    kernels: str
    instruction_set: str | None = None
    built: str | None = None
    fallback: str | None = None
    stand_ins: str | None = None
    flags: str | None = None
    source: str | None = None


def widest(names: Iterable[str]) -> str:
    """The instruction set with the widest vectors of those named, in our words."""
    known = {name.upper() for name in names}
    return next((ours for name, ours in ALIASES.items() if name in known), PORTABLE)


def torch_backend() -> Backend:
    """PyTorch's own kernels; `ATEN_CPU_CAPABILITY` may have narrowed them."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    return Backend("torch", widest([capability]), f"torch {torch.__version__}")
