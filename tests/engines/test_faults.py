"""Faults planted where an engine serves: each makes a run INVALID with default settings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.engines import faults
from tests.engines.judged import Judged

SETUP = (
    "adapters.count=4",
    "workload/popularity=round_robin",
    "workload.batch_size=8",
    "workload.iterations=1",
    "workload.max_new_tokens=8",
)
EVEN = ("workload/prompts=sized", "workload.prompts.tokens=24")
ENGINES = {
    "fp32": (*EVEN, "arm=multilora_fp32"),
    "int4": (*EVEN, "arm=multilora_int4"),
    "chunks": (*EVEN, "arm=multilora_int8", f"engine.prefill_tokens={faults.PREFILL}"),
    "grouped": (*EVEN, "arm=llama_cpp_f16"),
    "4-bit": (*EVEN, "arm=llama_cpp_q4_0"),
    "interleaved": (*EVEN, "arm=llama_cpp_q4_0_interleaved"),
    "mixed": ("arm=peft_mixed_fp32",),
}
OURS = (
    faults.shifted_segments,
    faults.rows_mixed_up,
    faults.shared_blocks,
    faults.second_best,
    faults.row_before_the_last,
    faults.no_adapters,
    faults.chance,
    faults.positions_off_by_one,
)
LLAMA = (
    faults.adapter_left_set,
    faults.llama_rows_mixed_up,
    faults.second_best,
)
SAMPLING = (faults.second_best, faults.chance)
"""The logits are right; only what was served shows it. The others show teacher-forced, too."""

CASES = [
    *(("fp32", fault) for fault in OURS),
    *(("int4", fault) for fault in OURS),
    ("chunks", faults.chunk_skipped),
    ("chunks", faults.positions_off_by_one),
    *(("grouped", fault) for fault in LLAMA),
    ("grouped", faults.another_sequences_cache),
    ("4-bit", faults.another_sequences_cache),
    *(("interleaved", fault) for fault in LLAMA),
    ("mixed", faults.names_shifted),
    ("mixed", faults.mask_dropped),
]


@pytest.fixture(scope="module")
def entered() -> Iterator[tuple[ExitStack, dict[str, Judged]]]:
    """The engines of this module by name, each built once and left at the end."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def served(judging: Any, entered: Any) -> Callable[[str], Judged]:
    """The engine of that name."""

    def ready(name: str) -> Judged:
        stack, known = entered
        if name not in known:
            known[name] = stack.enter_context(judging(*SETUP, *ENGINES[name]))
        return known[name]

    return ready


@pytest.mark.parametrize("name", ENGINES)
def test_without_a_fault_the_run_is_valid(name: str, served: Any) -> None:
    assert served(name).reasons() == ()


@pytest.mark.parametrize(("name", "plant"), CASES)
def test_a_fault_in_what_is_served_makes_the_run_invalid(
    name: str, plant: Any, served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = served(name)
    plant(monkeypatch)
    reasons = ready.reasons()
    served_wrong = any("served_agreement misses" in each for each in reasons)
    led_wrong = any("mean_kl misses" in each or "path_kl misses" in each for each in reasons)
    assert served_wrong or led_wrong
    assert led_wrong or plant in SAMPLING
