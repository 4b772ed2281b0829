"""What a reader should know of the circumstances before believing a run's figures."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.metrics.resources import kv_cache
from pipeline.metrics.timeline import Iteration


def cautions(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """One line each; the run counts all the same.

    Args:
        environment: the record of the circumstances.
    """
    return (
        *_crowded(environment),
        *_spread(environment),
        *_stored_otherwise(environment),
        *_compiled_for_less(environment),
    )


def found_computed(iterations: Iterable[Iteration]) -> Iterator[str]:
    """Prompts that weren't computed whole, as they are by engines without a prefix cache."""
    share = kv_cache(iterations).get("prefix_cache_hit_rate", 0.0)
    if isinstance(share, float) and share:
        yield (
            f"{share:.0%} of the prompts' tokens were found in the prefix cache, not computed: "
            "TTFT, prefill and tokens/s are no measure of computing them"
        )


def _crowded(environment: Mapping[str, Any]) -> Iterator[str]:
    """More threads than can run at a time."""
    threads, allowed = environment["threads"], len(environment["cpu"]["affinity"])
    quota = environment["limits"]["cpus"]
    if threads > allowed:
        yield f"threads={threads} share {allowed} logical cores, the affinity mask's"
    elif quota is not None and threads > quota:
        yield f"threads={threads} share a CPU quota of {quota:g}: they are stopped when it is spent"


def _spread(environment: Mapping[str, Any]) -> Iterator[str]:
    """Memory that is nearer to some threads than to others."""
    nodes = environment["cpu"]["numa_nodes"]
    if len(nodes) > 1:
        yield (
            f"the affinity mask spans {len(nodes)} NUMA nodes ({', '.join(map(str, nodes))}), and "
            "where memory lies is left to chance: numactl --cpunodebind=0 --membind=0 keeps to one"
        )


def _stored_otherwise(environment: Mapping[str, Any]) -> Iterator[str]:
    """Weights of another type than the precision's."""
    if said := environment.get("backend", {}).get("stand_ins"):
        yield said


def _compiled_for_less(environment: Mapping[str, Any]) -> Iterator[str]:
    """Kernels without AVX-512 on a processor that has it."""
    backend = environment.get("backend", {})
    used = backend.get("instruction_set")
    if "avx512f" in environment["cpu"].get("flags", ()) and used in ("AVX2", "AVX"):
        yield (
            f"{backend['kernels']} computes with {used} on a processor that has AVX-512: compiled "
            "for it, or told to use it, it may be faster"
        )
