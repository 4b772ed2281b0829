"""The machine a run was measured on."""

import os
import platform
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

CPU = Path("/sys/devices/system/cpu/cpu0")
CPUINFO = Path("/proc/cpuinfo")
FLAGS = frozenset(
    {"avx", "avx2", "fma", "f16c", "avx_vnni"}
    | {"avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16"}
    | {"amx_tile", "amx_int8", "amx_bf16"}
    | {"asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"}
)
"""The instruction sets that kernels of matrix products choose by."""


def system() -> dict[str, Any]:
    """Host name, operating system, kernel and Python."""
    name = platform.system()
    with suppress(OSError):
        name = platform.freedesktop_os_release().get("PRETTY_NAME", name)
    return {
        "hostname": socket.gethostname(),
        "os": name,
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def cpu() -> dict[str, Any]:
    """Model, cores, instruction sets, caches and clock; None for what can't be read."""
    info = _cpuinfo()
    flags = info.get("flags", info.get("Features", "")).split()
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "model": _model(info),
        "physical_cores": psutil.cpu_count(logical=False),
        "logical_cores": psutil.cpu_count(),
        "flags": sorted(FLAGS.intersection(flags)),
        "caches": _caches(),
        "affinity": affinity,
        "governor": _text(CPU / "cpufreq" / "scaling_governor"),
        "frequency_mhz": _frequency(),
    }


def memory() -> dict[str, int]:
    """Bytes of memory in all, and those that were free to use."""
    now = psutil.virtual_memory()
    return {"total_bytes": now.total, "available_bytes": now.available}


def _cpuinfo() -> dict[str, str]:
    pairs = (line.partition(":") for line in (_text(CPUINFO) or "").splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _model(info: dict[str, str]) -> str | None:
    if "model name" in info:
        return info["model name"]
    if "CPU part" in info:
        return f"implementer {info.get('CPU implementer')} part {info['CPU part']}"
    return platform.processor() or None


def _caches() -> dict[str, str | None]:
    """Size by level and kind, such as `L1 Data: 48K`."""
    return {
        f"L{_text(folder / 'level')} {_text(folder / 'type')}": _text(folder / "size")
        for folder in sorted((CPU / "cache").glob("index*"))
    }


def _frequency() -> float | None:
    with suppress(OSError, NotImplementedError):
        now = psutil.cpu_freq()
        return now.current if now else None
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
