"""Other builds of the same sources: the kernels' tests once more, or each kernel beside ours."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.kernels.instruction_sets import INSTRUCTION_SETS, chosen
from pipeline.kernels.library import SOURCES
from tests.asan import AsanAbsentError, with_asan
from tests.kernels.emulation import (
    NotHereError,
    compile_matrices,
    compile_program,
    difference,
    native,
    numbers,
    output,
    run_command,
)

HERE = Path(__file__).parent
TESTS = [str(HERE / "test_kernels.py"), str(HERE.parent / "engines/multilora/test_lora.py")]
EXPERTS = [
    *(str(HERE / name) for name in ("test_experts.py", "test_expert_lora.py")),
    str(HERE.parent / "engines/multilora/test_expert_lora.py"),
    *("-k", "not mixtral and not qwen3_moe and not olmoe"),
]
"""Experts and their adapters, from files on; of the families the one with shared experts."""
OTHERS = [each for each in INSTRUCTION_SETS if each.name not in (chosen().name, "portable")]
"""Beside this machine's own and the portable one, which are tested as libraries."""


def run(tests=TESTS, **environment):
    """The tests in a process of their own, which compiles kernels as its variables say."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    flags = f"{environment.pop('MULTILORA_CXXFLAGS', '')} -O1"
    few = {"KERNEL_EXAMPLES": "8", "MULTILORA_CXXFLAGS": flags}
    variables = {**os.environ, **environment, **few}
    finished = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]


def asan():
    try:
        return with_asan()
    except AsanAbsentError as error:
        pytest.skip(f"not without AddressSanitizer: {error}")


def test_without_vector_instructions_the_same_sources_compute_the_same():
    run(TESTS[:1], MULTILORA_ISA="portable")


def test_avx512_in_plain_instructions_computes_the_same():
    plain = os.path.relpath(HERE / "plain_evex.h", SOURCES / "isa")
    flags = f'-DKERNELS_ISA="isa/avx512.h" -DEVEX="{plain}"'
    run(TESTS[:1], MULTILORA_CXXFLAGS=flags)


@pytest.mark.parametrize(
    "tests", [[*TESTS, str(HERE / "test_program.py")], EXPERTS], ids=("dense", "experts")
)
def test_the_kernels_touch_no_foreign_memory(tests):
    run(tests, **asan())


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """What this machine's kernels compute, which `test_kernels.py` holds against the reference."""
    return native(tmp_path_factory.mktemp("native"))


@pytest.mark.parametrize("isa", OTHERS, ids=lambda each: each.name)
def test_an_instruction_set_computes_what_this_machines_does(isa, request, tmp_path):
    try:
        command = run_command(isa)
        program = compile_program(isa, tmp_path / isa.name)
    except NotHereError as reason:
        pytest.skip(str(reason))
    theirs = request.getfixturevalue("theirs")
    assert difference(numbers(output([*command, str(program)])), theirs) < 1e-5


@pytest.mark.parametrize(
    "isa",
    [each for each in OTHERS if each.machine == platform.machine()],
    ids=lambda each: each.name,
)
def test_an_instruction_set_of_newer_processors_compiles(isa, tmp_path):
    assert compile_matrices(isa, tmp_path / "gemm.o").is_file()
