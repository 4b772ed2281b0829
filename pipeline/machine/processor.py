"""Which processor this is: by the numbers its maker gave it, for a cloud's name says little."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from pipeline.machine.kernel_file import text

CPU = Path("/sys/devices/system/cpu/cpu0")
CPUINFO = Path("/proc/cpuinfo")
VECTOR_EXTENSIONS = frozenset(
    {"avx", "avx2", "fma", "f16c", "avx_vnni"}
    | {"avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16"}
    | {"amx_tile", "amx_int8", "amx_bf16"}
    | {"asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"}
)
"""Those of the flags that kernels of matrix products choose by."""

ARM = {"vendor": "CPU implementer", "family": "CPU architecture", "model_number": "CPU part"}
X86 = {"vendor": "vendor_id", "family": "cpu family", "model_number": "model"}
STEPPING = ("stepping", "CPU revision")


def processor(cpuinfo: Path = CPUINFO) -> dict[str, Any]:
    """Vendor, family, model, stepping, every flag, caches and clock; None for what can't be read.

    `model` is the marketing name, `model_number` the maker's own. Two processors both called
    `AMD EPYC` are told apart by family, model number, stepping and flags.
    """
    info = _first(cpuinfo)
    names = X86 if "vendor_id" in info else ARM
    flags = info.get("flags", info.get("Features", "")).split()
    return {
        "model": _name(info),
        **{field: _number(info.get(name)) for field, name in names.items()},
        "stepping": next((_number(info[name]) for name in STEPPING if name in info), None),
        "microcode": info.get("microcode"),
        "flags": sorted(flags),
        "caches": _caches(),
        "governor": text(CPU / "cpufreq" / "scaling_governor"),
        "frequency_mhz": _frequency(),
    }


def name_of(found: Mapping[str, Any]) -> str | None:
    """A processor by name and numbers, such as `AMD EPYC (family 25, model 17, stepping 1)`.

    Args:
        found: what `processor` gave, now or on another machine; older ones have the name alone.
    """
    fields = {"family": "family", "model": "model_number", "stepping": "stepping"}
    known = {word: found.get(field) for word, field in fields.items()}
    numbers = ", ".join(f"{word} {value}" for word, value in known.items() if value is not None)
    return f"{found.get('model')} ({numbers})" if numbers else found.get("model")


def _first(cpuinfo: Path) -> dict[str, str]:
    """The first processor's entries, and what stands for all of them at the end on Arm."""
    found: dict[str, str] = {}
    for line in (text(cpuinfo) or "").splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


def _number(value: str | None) -> int | str | None:
    """`25` and `0xd0c` as numbers; a vendor's name stays a name."""
    if value is None:
        return None
    try:
        return int(value, 0)
    except ValueError:
        return value


def _name(info: dict[str, str]) -> str | None:
    if "model name" in info:
        return info["model name"]
    if "CPU part" in info:
        return f"implementer {info.get('CPU implementer')} part {info['CPU part']}"
    return platform.processor() or None


def _caches() -> dict[str, str | None]:
    """Size by level and kind, such as `L1 Data: 48K`."""
    return {
        f"L{text(folder / 'level')} {text(folder / 'type')}": text(folder / "size")
        for folder in sorted((CPU / "cache").glob("index*"))
    }


def _frequency() -> float | None:
    with suppress(OSError, NotImplementedError):
        now = psutil.cpu_freq()
        return now.current if now else None
    return None
