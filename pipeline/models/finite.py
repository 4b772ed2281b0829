"""Whether all numbers of a stored tensor are finite, found without torch and in little memory."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from pipeline.models.safetensors_header import StoredTensor

Read = Callable[[StoredTensor], NDArray[Any]]
"""Reads numbers as they are stored: of an open file, or of a checkpoint's open files."""

EXPONENTS = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}
"""By safetensors' name of a type: whole numbers as wide, and the bits of the exponent, which all
are set in NaN and infinity and in nothing else (IEEE 754)."""

BEYOND_F32 = {"F64": 0x47EF_FFFF_F000_0000}
"""By type, the bits of its first number that rounds to infinity in float32."""
BEYOND_F16 = {"F64": 0x40EF_FC00_0000_0001, "F32": 0x477F_E001, "BF16": 0x4780}
"""By type, the bits of its first number beyond 65504, float16's last."""

PIECE = 1 << 22
"""Bytes that are looked at at a time."""


def is_finite(tensor: StoredTensor, read: Read) -> bool:
    """Whether it holds neither NaN nor infinity, nor what float32 has no finite number for.

    Engines compute in float32; types without such numbers never hold them.
    """
    if tensor.dtype not in EXPONENTS:
        return True
    return _all_below(tensor, read, BEYOND_F32.get(tensor.dtype, EXPONENTS[tensor.dtype][1]))


def fits_f16(tensor: StoredTensor, read: Read) -> bool:
    """Whether float16 has a finite number for each of its numbers: none is beyond 65504."""
    return tensor.dtype not in BEYOND_F16 or _all_below(tensor, read, BEYOND_F16[tensor.dtype])


def _all_below(tensor: StoredTensor, read: Read, bound: int) -> bool:
    """Whether all magnitudes are below one, all by their bits, which are in the same order."""
    whole, _ = EXPONENTS[tensor.dtype]
    for piece in tensor.pieces(PIECE):
        bits = read(piece).view(whole)
        sign = 1 << (8 * bits.itemsize - 1)
        if ((bits & (sign - 1)) >= bound).any():
            return False
    return True
