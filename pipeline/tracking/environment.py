"""The circumstances of a run: without them its figures can't be compared with any other's."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.machine.cgroup import limits
from pipeline.machine.cores import cores
from pipeline.machine.memory import memory
from pipeline.machine.processor import processor
from pipeline.machine.software import git, versions
from pipeline.machine.system import system
from pipeline.settings import named

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "OMP_WAIT_POLICY",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "KMP_BLOCKTIME",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
    "CXX",
    "MULTILORA_ISA",
    "MULTILORA_CXXFLAGS",
    "TOKENIZERS_PARALLELISM",
    "LD_PRELOAD",
)
"""Of the process's environment: what decides how many compute, where, and with what."""
REQUIRED = (
    "cpu.model",
    "threads",
    "versions.torch",
    "versions.transformers",
    "versions.peft",
    "hashes.model",
    "hashes.adapters",
    "hashes.trace",
)
"""A run that can't say one of these is INVALID."""


def environment(threads: int, reason: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    """What `environment.json` holds, read now.

    Args:
        threads: compute threads the engine was given.
        reason: why so many.
        hashes: content hashes by name: `model`, `adapters` and `trace`.
    """
    return {
        "time": datetime.now(UTC).isoformat(),
        **system(),
        "cpu": processor() | cores().to_json(),
        "memory": memory(),
        "limits": limits(),
        "load_average": list(os.getloadavg()),
        "threads": threads,
        "threads_reason": reason,
        "thread_variables": {name: os.environ.get(name) for name in VARIABLES},
        "versions": versions(),
        "git": git(),
        "hashes": dict(hashes),
    }


def missing(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """The required fields which `environment` lacks, by dotted name."""
    return tuple(name for name in REQUIRED if not named(environment, name))
