"""The instruction sets that the kernels are written for: a file each in `native/isa/`."""

import os
import platform
from dataclasses import dataclass

from pipeline.errors import UsageError, shortened
from pipeline.machine.processor import processor

VARIABLE = "MULTILORA_ISA"
"""Of the environment: the name of the one to compile for, in place of the best."""


@dataclass(frozen=True)
class InstructionSet:
    """One that the kernels can be compiled for.

    Attributes:
        name: of its file, and what `MULTILORA_ISA` calls it.
        machine: whose it is, as `platform.machine` says; None for any.
        features: what a processor has that runs it, as Linux calls that in `/proc/cpuinfo`.
        flags: with which a compiler may use these, and no others.
    """

    name: str
    machine: str | None
    features: frozenset[str]
    flags: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The compiler's flag by which `isa.h` includes the file."""
        return f'-DKERNELS_ISA="isa/{self.name}.h"'


V3 = frozenset(["avx2", "fma", "f16c", "bmi1", "bmi2", "abm", "movbe"])
V4 = V3 | frozenset(["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"])
X86, ARM, NATIVE = "x86_64", "aarch64", "-mtune=native"

INSTRUCTION_SETS = (
    InstructionSet(
        *("avx512", X86, V4 | {"avx512_vnni"}),
        ("-march=x86-64-v4", "-mavx512vnni", "-mprefer-vector-width=512", NATIVE),
    ),
    InstructionSet("avxvnni", X86, V3 | {"avx_vnni"}, ("-march=x86-64-v3", "-mavxvnni", NATIVE)),
    InstructionSet("avx2", X86, V3, ("-march=x86-64-v3", NATIVE)),
    InstructionSet(
        "neon_i8mm",
        ARM,
        frozenset({"asimddp", "i8mm"}),
        ("-march=armv8.2-a+dotprod+i8mm", NATIVE),
    ),
    InstructionSet("neon", ARM, frozenset({"asimddp"}), ("-march=armv8.2-a+dotprod", NATIVE)),
    InstructionSet("portable", None, frozenset(), ()),
)
"""The fastest first; the last runs anywhere, on what the compiler takes every processor to have."""


def chosen() -> InstructionSet:
    """The fastest that this processor runs, or that which `MULTILORA_ISA` names.

    Raises:
        UsageError: it names none, or one that this processor doesn't run.
    """
    here = runnable()
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return here[0]
    if found := next((each for each in here if each.name == wanted), None):
        return found
    known = any(each.name == wanted for each in INSTRUCTION_SETS)
    wrong = "this processor doesn't run it" if known else "no such instruction set"
    names = ", ".join(each.name for each in here)
    raise UsageError(f"{VARIABLE}={shortened(wanted)}: {wrong}; use one of {names}")


def runnable() -> list[InstructionSet]:
    """Those that this processor runs, the fastest first."""
    machine, features = platform.machine(), set(processor()["flags"])
    return [
        each
        for each in INSTRUCTION_SETS
        if each.machine in (None, machine) and each.features <= features
    ]
