"""What computes is said in the same words by every engine."""

import pytest

from pipeline.engines.llama_cpp.build import backend, instruction_set
from pipeline.engines.llama_cpp.mainline import Mainline
from pipeline.inference.backend import PORTABLE, torch_backend, widest


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["AVX2"], "AVX2"),
        (["avx512f", "AVX2", "SSE3"], "AVX-512"),
        (["DEFAULT"], PORTABLE),
        (["NEON", "FMA"], "NEON"),
        ([], PORTABLE),
    ],
)
def test_the_widest_vectors_give_the_name(names: list[str], said: str) -> None:
    assert widest(names) == said


def test_llama_cpps_system_info_is_read_by_what_is_on() -> None:
    info = "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | AVX512 = {} | LLAMAFILE = 1 | "
    assert instruction_set(info.format(0)) == "AVX2"
    assert instruction_set(info.format(1)) == "AVX-512"
    found = backend(Mainline())
    assert found.kernels == "llama.cpp" and "CPU" in str(found.built)


def test_torch_names_its_version() -> None:
    assert torch_backend().kernels == "torch"
    assert str(torch_backend().built).startswith("torch 2.")
