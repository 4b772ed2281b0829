"""How much memory this process has ever had at once."""

import resource
import sys
from pathlib import Path

from pipeline.machine.kernel_file import text

STATUS = Path("/proc/self/status")
PEAK = "VmHWM:"
"""Begins the line of `STATUS` that says how much was ever resident, in KiB."""


def peak_rss_bytes(status: Path = STATUS) -> int:
    """Most memory that was ever resident of this process's own.

    `getrusage` would count that of the process which started this one, too: Linux hands the peak
    on to a program that takes the place of another (`setmax_mm_hiwater_rss` in fs/exec.c).
    """
    for line in (text(status) or "").splitlines():
        if line.startswith(PEAK):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
