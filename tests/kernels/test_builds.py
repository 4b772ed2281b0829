"""The kernels' own tests once more, from other builds of the same sources."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.kernels.library import SOURCES
from tests.asan import AsanAbsentError, with_asan

HERE = Path(__file__).parent
TESTS = [str(HERE / "test_kernels.py"), str(HERE.parent / "engines/multilora/test_lora.py")]


def run(tests=TESTS, **environment):
    """The tests in a process of their own, which compiles kernels as its variables say."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    variables = {**os.environ, **environment}
    finished = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are x86's instruction sets")
@pytest.mark.parametrize("flags", ["", "-march=x86-64-v2"])
def test_without_avx2_the_same_sources_compute_the_same(flags):
    run(MULTILORA_ISA="portable", MULTILORA_CXXFLAGS=flags)


def test_an_instruction_set_is_one_file():
    wide = os.path.relpath(HERE / "wide.h", SOURCES)
    run(TESTS[:1], MULTILORA_CXXFLAGS=f'-DKERNELS_ISA="{wide}"')


def test_the_kernels_touch_no_foreign_memory():
    try:
        variables = with_asan()
    except AsanAbsentError as error:
        pytest.skip(f"not without AddressSanitizer: {error}")
    run(**variables)
