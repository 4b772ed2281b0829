"""The C interface as Python sees it: structures, and the functions' arguments."""

import ctypes
from ctypes import Structure, c_char_p, c_float, c_int, c_int64, c_void_p
from typing import Any

from pipeline.engines.multilora.kernels.library import library


class CInput(Structure):
    """`Input` of activations.h."""

    _fields_ = (
        ("bits", c_int),
        ("values", c_void_p),
        ("packed", c_void_p),
        ("tokens", c_int64),
        ("columns", c_int64),
    )


class CHeads(Structure):
    """`Heads` of kernels.h."""

    _fields_ = (("queries", c_int64), ("keys", c_int64), ("width", c_int64))


class CHeadNorms(Structure):
    """`HeadNorms` of kernels.h."""

    _fields_ = (("query", c_void_p), ("key", c_void_p), ("epsilon", c_float))


class CStep(Structure):
    """`Step` of kernels.h."""

    _fields_ = (
        *((name, c_void_p) for name in ("positions", "sequences", "block_table")),
        *((name, c_void_p) for name in ("cosines", "sines", "keys", "values")),
        *((name, c_int64) for name in ("tokens", "table_width", "blocks")),
    )


class CSegment(Structure):
    """`LoraSegment` of kernels.h."""

    _fields_ = (
        ("data", c_void_p),
        ("sites", c_void_p),
        ("bits", c_int64),
        ("start", c_int64),
        ("stop", c_int64),
    )


SIGNATURES: dict[str, tuple[Any, ...]] = {
    "kernel_pack": (c_int, c_void_p, c_int64, c_int64, c_void_p),
    "kernel_linear": (c_void_p, c_void_p, c_void_p, c_int64, c_void_p),
    "kernel_norm": (c_void_p, c_void_p, c_int64, c_void_p, c_float, c_void_p),
    "kernel_gate": (c_void_p, c_int64, c_void_p),
    "kernel_pack_input": (c_void_p,),
    "kernel_rotate_and_store": (c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_void_p),
    "kernel_attend": (c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p),
    "kernel_add_lora": (c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_int64),
}
"""Arguments after the pool; none returns anything."""

ADAPTER_READ = (c_int, c_void_p, c_int64, c_int64, c_void_p, c_int64)
"""Arguments of `adapter_read`, which takes no pool and returns the number of tensors read."""


def bound() -> ctypes.CDLL:
    """The library with every function declared; compiled unless that was done before.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    found = library()
    found.pool_new.restype = c_void_p
    for name, arguments in SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype = (c_void_p, *arguments), None
    found.kernels_instruction_set.restype = found.kernels_compiler.restype = c_char_p
    found.adapter_read.argtypes, found.adapter_read.restype = ADAPTER_READ, c_int64
    return found
