"""Every kernel in builds for instruction sets that this machine may lack: compiled, run, compared.

`python -m tests.kernels.emulation` does it for all of them, `--asan` under AddressSanitizer.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.bindings import bound
from pipeline.kernels.instruction_sets import INSTRUCTION_SETS, NATIVE, InstructionSet, runnable
from pipeline.kernels.library import FLAGS, SOURCES, built, compiler, whole
from tests.kernels import bochs

HERE = Path(__file__).parent
PROGRAM = HERE / "every_kernel.cpp"
CROSS = {"aarch64": ("aarch64-linux-gnu-g++", "qemu-aarch64")}
"""The compiler for another machine, and what runs its programs; both are Debian packages."""
PACKAGES = "apt-get install g++-aarch64-linux-gnu qemu-user"
ASAN = ("-O0", "-fsanitize=address")

Results = dict[str, NDArray[np.float32]]


class NotHereError(Exception):
    """It can't be compiled or run on this machine; the message says why, and what would help."""


def compile_program(isa: InstructionSet, to: Path, *flags: str) -> Path:
    """The kernels for `isa` and what calls each of them, as one program.

    Raises:
        NotHereError: there is no compiler for such a machine.
    """
    static = () if "-fsanitize=address" in flags else ("-static",)
    quick = () if isa.machine == platform.machine() else ("-O1",)
    source = f'{whole()}#include "{os.path.relpath(PROGRAM, SOURCES)}"\n'
    return _compile(isa, source, to, "-pthread", *quick, *static, *flags)


def compile_matrices(isa: InstructionSet, to: Path) -> Path:
    """Only the matrices' kernels, which have every instruction that `isa` adds, and no program.

    Raises:
        NotHereError: there is no compiler for such a machine.
    """
    return _compile(isa, '#include "gemm.cpp"\n', to, "-O0", "-c")


def run_command(isa: InstructionSet) -> list[str]:
    """What comes before a program for `isa` on the command line.

    Raises:
        NotHereError: neither this processor runs it nor an emulator that is there.
    """
    if isa in runnable():
        return []
    if isa.machine in (None, platform.machine()):
        return _bochs(isa)
    emulator = shutil.which(CROSS[isa.machine][1])
    if emulator is None:
        raise NotHereError(f"no {CROSS[isa.machine][1]}; {PACKAGES}")
    return [emulator, "-cpu", "max", "-L", f"/usr/{isa.machine}-linux-gnu"]


def _bochs(isa: InstructionSet) -> list[str]:
    if isa.name not in bochs.CPUS:
        raise NotHereError(f"this processor lacks {isa.name}")
    try:
        bochs.check(bochs.CPUS[isa.name])
    except bochs.BochsAbsentError as reason:
        raise NotHereError(f"this processor lacks {isa.name}, and {reason}") from reason
    return [sys.executable, "-m", bochs.__name__, bochs.CPUS[isa.name]]


def native(folder: Path) -> Results:
    """What the library computes that this machine's tests hold against the reference."""
    bound()
    program = folder / "native"
    command = [compiler(), *FLAGS, "-include", "layout.h", "-include", "kernels.h", "-I."]
    subprocess.run(
        [*command, str(PROGRAM), str(built()), "-o", str(program)], cwd=SOURCES, check=True
    )
    return numbers(output([str(program)]))


def output(command: Sequence[str]) -> str:
    """Of a program that ends well."""
    variables = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    finished = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout[-500:] + finished.stderr[-3000:]
    return finished.stdout


def numbers(text: str) -> Results:
    """The program's lines: rows of floats by name."""
    rows: dict[str, list[NDArray[np.float32]]] = {}
    lines = [line.split() for line in text.splitlines()]
    assert lines and lines[-1][0] == "done", text[-300:]
    for name, *bits in lines[:-1]:
        row = np.array([int(each, 16) for each in bits], np.uint32).view(np.float32)
        rows.setdefault(name, []).append(row)
    return {name: np.stack(each) for name, each in rows.items()}


def difference(mine: Mapping[str, NDArray[np.float32]], theirs: Results) -> float:
    """The largest of all results, each as a share of its largest number.

    Of two scales that err equally a build may choose either, so that weights which it packed itself
    come out as close as quantisation is.
    """
    assert mine.keys() == theirs.keys()
    worst = 0.0
    for name, values in theirs.items():
        share = float(np.abs(mine[name] - values).max() / np.abs(values).max())
        worst = max(worst, share / 1000 if name.startswith("packed") else share)
    return worst


def _compile(isa: InstructionSet, source: str, to: Path, *flags: str) -> Path:
    allowed = [each for each in isa.flags if each != NATIVE]
    command = [_compiler(isa), *FLAGS, *allowed, isa.definition, *flags]
    finished = subprocess.run(
        [*command, "-x", "c++", "-", "-o", str(to)],
        cwd=SOURCES,
        input=source,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    return to


def _compiler(isa: InstructionSet) -> str:
    if isa.machine in (None, platform.machine()):
        return compiler()
    found = shutil.which(CROSS[isa.machine][0]) if isa.machine in CROSS else None
    if found is None:
        raise NotHereError(f"no compiler for {isa.machine}; {PACKAGES}")
    return found


def _compiled(isa: InstructionSet, folder: Path) -> str:
    try:
        compile_matrices(isa, folder / f"{isa.name}.o")
    except NotHereError:
        return "not compiled"
    return "compiled, not run"


def _where(command: Sequence[str]) -> str:
    if bochs.__name__ in command:
        return f"Bochs as {command[-1]}"
    return Path(command[0]).name if command else "this processor"


def main(arguments: Sequence[str] | None = None) -> int:
    """A line for each instruction set: how it ran, and how far it is from this machine's."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernels.emulation")
    parser.add_argument("--asan", action="store_true", help="under AddressSanitizer")
    flags = ASAN if parser.parse_args(arguments).asan else ()
    with tempfile.TemporaryDirectory() as folder:
        theirs = native(Path(folder))
        for isa in INSTRUCTION_SETS:
            try:
                command = run_command(isa)
                if flags and bochs.__name__ in command:
                    raise NotHereError("a sanitizer needs a system, and Bochs runs it without")
                program = compile_program(isa, Path(folder) / isa.name, *flags)
                far = difference(numbers(output([*command, str(program)])), theirs)
                how = _where(command)
                print(f"{isa.name}: ran on {how}, largest difference {far:.1e}", flush=True)
            except NotHereError as reason:
                print(f"{isa.name}: {_compiled(isa, Path(folder))}; {reason}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
