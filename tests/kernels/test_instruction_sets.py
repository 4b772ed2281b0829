"""Which instruction set the kernels are compiled for."""

import platform

import pytest

from pipeline.errors import UsageError
from pipeline.kernels import instruction_sets
from pipeline.kernels.instruction_sets import INSTRUCTION_SETS, chosen
from pipeline.kernels.library import SOURCES, flags

ZEN_3 = "avx2 fma f16c bmi1 bmi2 abm movbe"
ZEN_4 = f"{ZEN_3} avx512f avx512bw avx512cd avx512dq avx512vl avx512_vnni"


@pytest.fixture
def on(monkeypatch):
    """A processor of that kind with these features, and what the user asks for."""

    def be(machine, features, wanted=""):
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(instruction_sets, "processor", lambda: {"flags": features.split()})
        monkeypatch.setenv("MULTILORA_ISA", wanted)

    return be


@pytest.mark.parametrize(
    ("machine", "features", "best"),
    [
        ("x86_64", "sse2", "portable"),
        ("x86_64", ZEN_3, "avx2"),
        ("x86_64", f"{ZEN_3} avx_vnni", "avxvnni"),
        ("x86_64", ZEN_4.removesuffix(" avx512_vnni"), "avx2"),
        ("x86_64", f"{ZEN_4} avx_vnni", "avx512"),
        ("aarch64", "asimd", "portable"),
        ("aarch64", "asimd asimddp", "neon"),
        ("aarch64", "asimd asimddp i8mm", "neon_i8mm"),
        ("riscv64", "", "portable"),
    ],
)
def test_the_best_that_the_processor_runs(on, machine, features, best):
    on(machine, features)
    assert chosen().name == best


def test_the_users_choice_decides_file_and_flags(on):
    on("x86_64", ZEN_4, "avx2")
    assert '-DKERNELS_ISA="isa/avx2.h"' in flags() and "-march=x86-64-v3" in flags()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [("avx512", "this processor doesn't run it"), ("AVX2", "no such instruction set")],
)
def test_one_that_is_not_there_is_refused_beside_those_that_are(on, wanted, why):
    on("x86_64", ZEN_3, wanted)
    with pytest.raises(UsageError) as refusal:
        chosen()
    assert str(refusal.value) == f"MULTILORA_ISA={wanted}: {why}; use one of avx2, portable"


def test_each_is_a_file_and_each_file_is_one():
    files = {path.stem for path in (SOURCES / "isa").glob("*.h")}
    assert {each.name for each in INSTRUCTION_SETS} <= files
