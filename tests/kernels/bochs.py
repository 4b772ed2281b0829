"""Bochs as a processor that this machine lacks: `python -m tests.kernels.bochs CPU PROGRAM`.

It runs one static program of x86-64 on `bare_machine.cpp`, without a system, and prints what that
prints. Bochs is a Debian package; processors with AVX-VNNI are in version 3.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pipeline.kernels.library import compiler

PACKAGES = "apt-get install bochs bochs-term"
CPUS = {"avx512": "tigerlake", "avxvnni": "arrow_lake"}
"""A processor with each instruction set that others may lack, as Bochs calls it."""
MACHINE = Path(__file__).parent / "bare_machine.cpp"
ROM_BYTES = 2 << 20
"""All that Bochs takes."""

FLAGS = (
    *("-O1", "-std=c++20", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-pic"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none"),
    *("-mgeneral-regs-only", "-mno-red-zone", "-nostdlib", "-static", "-Wl,--build-id=none"),
    *("-Wl,-N,-Ttext=0xf0000,-Tbss=0x110000,-e,0xf0000", "-Wl,--section-start=.reset=0xffff0"),
    "-Wl,--oformat=binary",
)
"""The machine's first instruction and all else in the 64 KB below the first MB, as bytes alone."""

SETTINGS = """\
plugin_ctrl: unmapped=1, biosdev=0, speaker=0, parallel=1
display_library: rfb, options="timeout=0"
megs: 256
cpu: model={cpu}, count=1, reset_on_triple_fault=0, ignore_bad_msrs=1
romimage: file=rom, address={address:#x}
vgaromimage: file=screen
parport1: enabled=1, file=printed
clock: sync=none
log: log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


class BochsAbsentError(Exception):
    """It isn't there, or has no such processor; the message says what would help."""


def check(cpu: str) -> None:
    """That Bochs is here and can be such a processor.

    Raises:
        BochsAbsentError: it isn't, or can't.
    """
    found = cpus()
    if not found:
        raise BochsAbsentError(f"no bochs; {PACKAGES}")
    if cpu not in found:
        raise BochsAbsentError(f"this bochs has no processor {cpu}, which version 3 has")


@cache
def cpus() -> frozenset[str]:
    """The processors that Bochs can be; none where it isn't there."""
    if shutil.which("bochs") is None:
        return frozenset()
    said = subprocess.run(["bochs", "--help", "cpu"], capture_output=True, text=True)
    return frozenset(re.findall(r"^\w+$", said.stdout + said.stderr, re.MULTILINE))


def printed(program: Path, cpu: str) -> str:
    """What a static program prints on such a processor, to its end or to where it stops.

    Raises:
        BochsAbsentError: there is no such processor.
        ValueError: the program is larger than Bochs takes.
    """
    check(cpu)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        machine = _machine(folder / "machine")
        stripped = folder / "program"
        subprocess.run(["strip", "-o", str(stripped), str(program)], check=True)
        room = ROM_BYTES - len(machine)
        if stripped.stat().st_size > room:
            raise ValueError(f"{program.name} has {stripped.stat().st_size} bytes, {room} fit")
        (folder / "rom").write_bytes(stripped.read_bytes().ljust(room, b"\0") + machine)
        (folder / "screen").write_bytes(bytes(32 << 10))
        address = (1 << 32) - ROM_BYTES
        (folder / "settings").write_text(SETTINGS.format(cpu=cpu, address=address))
        command = ["bochs", "-q", "-f", "settings"]
        # Debian's begins with a debugger: this continues. It never ends well, but on its panic.
        subprocess.run(command, cwd=folder, input="c\n", capture_output=True, text=True)
        out = folder / "printed"
        return out.read_text() if out.is_file() else ""


def _machine(to: Path) -> bytes:
    command = [compiler(), *FLAGS, str(MACHINE), "-o", str(to)]
    subprocess.run(command, check=True)
    return to.read_bytes()


def main(arguments: Sequence[str] | None = None) -> int:
    """What the program prints; 1 if it stopped before its end."""
    parser = argparse.ArgumentParser(prog="python -m tests.kernels.bochs")
    parser.add_argument("cpu")
    parser.add_argument("program", type=Path)
    asked = parser.parse_args(arguments)
    text = printed(asked.program, asked.cpu)
    print(text, end="")
    return 0 if text.splitlines()[-1:] and text.splitlines()[-1].startswith("done") else 1


if __name__ == "__main__":
    sys.exit(main())
