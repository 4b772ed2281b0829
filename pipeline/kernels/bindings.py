"""The library's functions as Python calls them, declared as abi.h has them."""

import ctypes
from functools import cache
from typing import Any

from pipeline.kernels.abi import ABI
from pipeline.kernels.library import built

_OTHERWISE: dict[bytes, type[Exception]] = {
    b"out of memory": MemoryError,
    b"the file is cut short": EOFError,
}
"""Faults that aren't those of the arguments."""

_WITHOUT_FAULTS = ("kernels_instruction_set", "kernels_compiler")
"""Their text is a result."""


@cache
def bound() -> ctypes.CDLL:
    """The library with every function declared; compiled unless that was done before.

    Raises:
        BuildError: there is no compiler, or it failed.
        UsageError: the user asks for an instruction set that isn't there.
        AbiError: the library has other sizes than the header.
    """
    library = ctypes.CDLL(str(built()))
    ABI.check(library)
    for name, (result, arguments) in ABI.functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        if result is ctypes.c_char_p and name not in _WITHOUT_FAULTS:
            function.errcheck = _raise
    return library


def _raise(fault: bytes | None, function: Any, arguments: tuple[Any, ...]) -> None:
    """Called by ctypes with what a function returned.

    Raises:
        ValueError: what it was handed doesn't fit together.
        EOFError: the file was cut short.
        MemoryError: there wasn't enough.
    """
    if fault is not None:
        raise _OTHERWISE.get(fault, ValueError)(f"{function.__name__}: {fault.decode()}")
