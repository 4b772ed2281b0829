"""AddressSanitizer in the native kernels of a process of its own."""

import subprocess
from pathlib import Path

from pipeline.kernels.library import compiler

FLAGS = "-fsanitize=address -fno-omit-frame-pointer -g1"
LIBRARIES = ("libasan.so", "libstdc++.so")
"""Both have to be there before Python is: the first takes the second's functions over."""


class AsanAbsentError(Exception):
    """The compiler has no such library; the message says how to get it."""


def with_asan(*options: str) -> dict[str, str]:
    """Variables of a process whose kernels are built and run with it.

    Args:
        options: of its own, beside our one; Python's leaks aren't looked for.

    Raises:
        AsanAbsentError: the compiler has no such library.
        BuildError: there is no compiler.
    """
    asked = [[compiler(), f"-print-file-name={name}"] for name in LIBRARIES]
    paths = [Path(subprocess.check_output(each, text=True).strip()) for each in asked]
    if absent := [path.name for path in paths if not path.is_file()]:
        raise AsanAbsentError(
            f"no {absent[0]}; install one, such as: apt-get install libgcc-12-dev"
        )
    return {
        "LD_PRELOAD": " ".join(str(path.resolve()) for path in paths),
        "MULTILORA_CXXFLAGS": FLAGS,
        "ASAN_OPTIONS": ":".join(("detect_leaks=0", *options)),
    }
