"""What a library of llama.cpp's kind was compiled to use."""

import re

from pipeline.engines.llama_cpp.library import Library
from pipeline.inference.backend import Backend, widest


def backend(library: Library) -> Backend:
    """From the library's own `system_info`."""
    said = library.system_info()
    return Backend(library.name, instruction_set(said), f"{library.version}, {said.strip(' |')}")


def instruction_set(system_info: str) -> str:
    """The widest vectors that `AVX = 1 | AVX2 = 1 | …` names."""
    return widest(re.findall(r"(\w+) = 1\b", system_info))
