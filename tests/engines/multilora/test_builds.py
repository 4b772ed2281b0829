"""The kernels' own tests once more, from other builds of the same sources."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = [str(Path(__file__).with_name(name)) for name in ("test_kernels.py", "test_lora.py")]


def run(flags, **environment):
    """The tests in a process of their own, with kernels that are compiled with those flags."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *TESTS]
    variables = {**os.environ, "MULTILORA_CXXFLAGS": flags, **environment}
    finished = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are x86's instruction sets")
@pytest.mark.parametrize("isa", ["x86-64", "x86-64-v2"])
def test_without_avx2_the_same_sources_compute_the_same(isa):
    run(f"-march={isa}")


def test_the_kernels_touch_no_foreign_memory():
    found = subprocess.run(
        ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(found).is_file():
        pytest.skip("no libasan; install one, such as: apt-get install libgcc-12-dev")
    preload = str(Path(found).resolve())
    run("-fsanitize=address", LD_PRELOAD=preload, ASAN_OPTIONS="detect_leaks=0")
