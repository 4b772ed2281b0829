"""What the installed llama.cpp was compiled to use."""

import re

import llama_cpp

from pipeline.inference.backend import Backend, widest


def backend() -> Backend:
    """From llama.cpp's own `system_info`."""
    said = llama_cpp.llama_print_system_info().decode(errors="replace")
    built = f"llama-cpp-python {llama_cpp.__version__}, {said.strip(' |')}"
    return Backend("llama.cpp", instruction_set(said), built)


def instruction_set(system_info: str) -> str:
    """The widest vectors that `AVX = 1 | AVX2 = 1 | …` names."""
    return widest(re.findall(r"(\w+) = 1\b", system_info))
