"""The C interface as Python sees it: structures, and the functions' arguments."""

import ctypes
from ctypes import Structure, c_char_p, c_float, c_int, c_int64, c_void_p
from typing import Any

from pipeline.kernels.library import library


class CInput(Structure):
    """`Input` of activations.h."""

    _fields_ = (
        ("bits", c_int),
        ("values", c_void_p),
        ("packed", c_void_p),
        ("tokens", c_int64),
        ("columns", c_int64),
        ("count", c_int64),
        ("size", c_int64),
    )


class CHeads(Structure):
    """`Heads` of kernels.h."""

    _fields_ = (("queries", c_int64), ("keys", c_int64), ("width", c_int64))


class CHeadNorms(Structure):
    """`HeadNorms` of kernels.h."""

    _fields_ = (
        ("query", c_void_p),
        ("key", c_void_p),
        ("epsilon", c_float),
        ("width", c_int64),
    )


class CStep(Structure):
    """`Step` of kernels.h."""

    _fields_ = (
        *((name, c_void_p) for name in ("positions", "sequences", "block_table")),
        *((name, c_void_p) for name in ("cosines", "sines", "keys", "values")),
        *((name, c_int64) for name in ("tokens", "table_width", "blocks")),
        *((name, c_int64) for name in ("rows", "layers", "angles", "keys_size", "values_size")),
    )


class CSegment(Structure):
    """`LoraSegment` of kernels.h."""

    _fields_ = (
        ("data", c_void_p),
        ("sites", c_void_p),
        ("bits", c_int64),
        ("start", c_int64),
        ("stop", c_int64),
        ("size", c_int64),
        ("count", c_int64),
    )


SIGNATURES: dict[str, tuple[Any, ...]] = {
    "kernel_pack": (c_void_p, c_int, c_void_p, c_int64, c_int64, c_void_p, c_int64),
    "kernel_linear": (*(c_void_p,) * 4, c_int64, c_int64, c_void_p, c_int64),
    "kernel_norm": (
        *(c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_int64),
        *(c_void_p, c_int64, c_float, c_void_p),
    ),
    "kernel_gate": (c_void_p, c_void_p, c_int64, c_int64, c_void_p),
    "kernel_pack_input": (c_void_p, c_void_p),
    "kernel_rotate_and_store": (
        *(c_void_p, c_void_p, c_int64, c_int64),
        *(c_void_p, c_int64, c_void_p, c_void_p),
    ),
    "kernel_attend": (
        *(c_void_p, c_void_p, c_int64, c_int64),
        *(c_void_p, c_int64, c_void_p, c_int64, c_void_p),
    ),
    "kernel_add_lora": (
        *(c_void_p, c_void_p, c_void_p, c_int64, c_int64),
        *(c_void_p, c_int64, c_int64),
    ),
    "step_fault": (c_void_p,),
    "adapter_read": (c_int, c_void_p, c_int64, c_int64, c_void_p, c_int64),
}
"""Arguments; the kernels' first is the pool. Each returns what is wrong with them, or null."""

_OTHERWISE: dict[bytes, type[Exception]] = {
    b"out of memory": MemoryError,
    b"the file is cut short": EOFError,
}
"""Faults that aren't those of the arguments."""


def bound() -> ctypes.CDLL:
    """The library with every function declared; compiled unless that was done before.

    Raises:
        BuildError: there is no compiler, or it failed.
    """
    found = library()
    found.pool_new.restype = c_void_p
    for name, arguments in SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype, function.errcheck = arguments, c_char_p, _raise
    found.kernels_instruction_set.restype = found.kernels_compiler.restype = c_char_p
    return found


def _raise(fault: bytes | None, function: Any, arguments: tuple[Any, ...]) -> None:
    """Called by ctypes with what a function returned.

    Raises:
        ValueError: what it was handed doesn't fit together.
        EOFError: the file was cut short.
        MemoryError: there wasn't enough.
    """
    if fault is not None:
        raise _OTHERWISE.get(fault, ValueError)(f"{function.__name__}: {fault.decode()}")
