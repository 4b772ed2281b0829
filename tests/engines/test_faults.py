"""Faults planted where an engine serves: each makes a run INVALID with default settings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import RunConfig
from pipeline.engines.engine import Engine
from pipeline.metrics.timeline import Timeline
from pipeline.stages import reference as stage
from pipeline.stages.build import build
from pipeline.stages.fidelity import examine, judge
from pipeline.stages.prepare import Prepared
from pipeline.stages.reference import Reference, refer
from pipeline.stages.replay import Replay
from tests.engines import faults

SETUP = (
    "adapters.count=4",
    "workload/popularity=round_robin",
    "workload.batch_size=8",
    "workload.iterations=1",
    "workload.max_new_tokens=8",
)
EVEN = ("workload/prompts=sized", "workload.prompts.tokens=24")
ENGINES = {
    "fp32": (*EVEN, "precision=multilora_fp32"),
    "int4": (*EVEN, "precision=multilora_int4"),
    "chunks": (*EVEN, "precision=multilora_int8", f"engine.prefill_tokens={faults.PREFILL}"),
    "grouped": (*EVEN, "precision=llama_f16"),
    "interleaved": (*EVEN, "precision=llama_q4_0_interleaved"),
    "mixed": ("precision=mixed_fp32",),
}
OURS = (
    faults.shifted_segments,
    faults.rows_mixed_up,
    faults.shared_blocks,
    faults.second_best,
    faults.row_before_the_last,
    faults.no_adapters,
    faults.chance,
)
LLAMA = (
    faults.adapter_left_set,
    faults.llama_rows_mixed_up,
    faults.second_best,
)
CASES = [
    *(("fp32", fault) for fault in OURS),
    *(("int4", fault) for fault in OURS),
    ("chunks", faults.chunk_skipped),
    ("chunks", faults.positions_off_by_one),
    *(("grouped", fault) for fault in LLAMA),
    ("grouped", faults.another_sequences_cache),
    *(("interleaved", fault) for fault in LLAMA),
    ("mixed", faults.names_shifted),
    ("mixed", faults.mask_dropped),
]


@dataclass(frozen=True)
class Served:
    """An engine that is ready, and the reference's answers."""

    config: RunConfig
    prepared: Prepared
    reference: Reference
    engine: Engine

    def reasons(self) -> tuple[str, ...]:
        """Serve the trace, and say why the run is INVALID by what was served."""
        requests = self.prepared.trace.requests
        iteration, records = Replay(self.engine, requests, None).run(0)
        timeline = Timeline(tuple(records), (iteration,))
        findings = examine(self.config, self.reference, self.engine, timeline, requests)
        return judge(self.config, findings)[0]


@pytest.fixture(scope="module")
def entered() -> Iterator[tuple[ExitStack, dict[str, Served]]]:
    """The engines of this module by name, each built once and left at the end."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def served(
    config: Any, prepared: Any, cache: Path, entered: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Served]:
    """The engine of that name; its reference is made in this process, and once for all."""

    def ready(name: str) -> Served:
        stack, known = entered
        if name not in known:
            overrides = (*SETUP, *ENGINES[name], f"paths.cache={cache}")
            settings, good = config(*overrides), prepared(*overrides)
            with monkeypatch.context() as patch:
                patch.setattr(stage, "_in_its_own_process", _here)
                reference = refer(settings, good, "0" * 64)
            engine = stack.enter_context(build(settings, good)).engine
            known[name] = Served(settings, good, reference, engine)
        return known[name]

    return ready


def _here(recipe: Any, path: Path) -> None:
    stage._write(stage.answer(recipe), path)


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
    assert any("served_agreement misses" in each or "mean_kl misses" in each for each in reasons)
