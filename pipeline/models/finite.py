"""Whether all numbers of a stored tensor are finite, found without torch and in little memory."""

import numpy as np

from pipeline.models.safetensors_file import StoredTensor

EXPONENTS = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}
"""By safetensors' name of a type: whole numbers as wide, and the bits of the exponent, which all
are set in NaN and infinity and in nothing else (IEEE 754)."""

PIECE = 1 << 22
"""Bytes that are looked at at a time."""


def is_finite(tensor: StoredTensor) -> bool:
    """Whether it holds neither NaN nor infinity; types without them always do."""
    if tensor.dtype not in EXPONENTS:
        return True
    whole, exponent = EXPONENTS[tensor.dtype]
    with tensor.path.open("rb") as file:
        file.seek(tensor.start)
        left = tensor.nbytes
        while left:
            bits = np.frombuffer(file.read(min(PIECE, left)), whole)
            if ((bits & exponent) == exponent).any():
                return False
            left -= bits.nbytes
    return True
