"""The kernels' own tests once more, with every access to memory checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_kernels_touch_no_foreign_memory():
    found = subprocess.run(
        ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(found).is_file():
        pytest.skip("no libasan; install one, such as: apt-get install libgcc-12-dev")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(Path(found).resolve()),
        "ASAN_OPTIONS": "detect_leaks=0",
        "KERNEL_FLAGS": "-fsanitize=address",
    }
    kernels = Path(__file__).with_name("test_kernels.py")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(kernels)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
