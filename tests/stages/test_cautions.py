"""What is said of a run that counts all the same."""

from typing import Any

import pytest

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.kv_counts import KvCounts
from pipeline.metrics.timeline import Iteration
from pipeline.stages.cautions import cautions, found_computed


def environment(
    threads: int = 2, affinity: int = 2, quota: float | None = None, nodes: int = 1
) -> dict[str, Any]:
    cpu = {"affinity": list(range(affinity)), "numa_nodes": list(range(nodes))}
    return {"threads": threads, "cpu": cpu, "limits": {"cpus": quota}}


@pytest.mark.parametrize(
    ("circumstances", "said"),
    [
        ({"threads": 4}, "threads=4 share 2 logical cores"),
        ({"quota": 1.5}, "threads=2 share a CPU quota of 1.5"),
        ({"nodes": 2}, "the affinity mask spans 2 NUMA nodes (0, 1)"),
    ],
)
def test_names_the_circumstance(circumstances: dict[str, Any], said: str) -> None:
    (found,) = cautions(environment(**circumstances))
    assert found.startswith(said)


def test_weights_of_another_type_than_the_precisions_are_named() -> None:
    said = "q4_k_m doesn't fit rows of 576"
    assert cautions(environment() | {"backend": {"stand_ins": said}}) == (said,)
    assert cautions(environment() | {"backend": {"stand_ins": None}}) == ()


def test_kernels_compiled_for_less_than_the_processor_has_are_named() -> None:
    found = environment() | {"backend": {"kernels": "ik_llama.cpp", "instruction_set": "AVX2"}}
    assert cautions(found) == ()
    found["cpu"]["flags"] = ["avx2", "avx512f"]
    assert cautions(found)[0].startswith("ik_llama.cpp computes with AVX2 on")


def test_says_nothing_of_an_ordinary_machine() -> None:
    assert cautions(environment()) == ()


def test_prompts_that_were_found_computed_are_told_of():
    def said(kv):
        return (*found_computed([Iteration(0, 0.0, 1.0, {}, AdapterCounts(), 1.0, kv=kv)]),)

    assert said(None) == said(KvCounts()) == said(KvCounts(prompt_tokens=9)) == ()
    (caution,) = said(KvCounts(cached_tokens=30, prompt_tokens=40))
    assert caution.startswith("75% of the prompts' tokens were found in the prefix cache")
