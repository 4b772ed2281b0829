"""torch.profiler: a trace of operators and the engine's stages in time, and a table of them."""

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import field
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.files.documents import write_text
from pipeline.profilers.profiler import Excerpt, Profile, Stages, Subject, Tool
from pipeline.settings import STRICT

TRACE, TABLE = "torch_trace.json.gz", "torch_operators.csv"
STAGE = "stage/"
"""Before the name of a stage of the engine, among the operators' names."""
PRODUCTS = {f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "linear", "matmul")}
"""No model is computed by torch without one of these."""


def _few() -> Excerpt:
    return Excerpt(requests=8, tokens=8)


@dataclass(frozen=True, config=STRICT, kw_only=True)
class TorchTrace(Tool):
    """Settings of `profiler=torch`. A step of its schedule is one replay of the excerpt.

    Attributes:
        excerpt: short by default: every operator call is an event of the trace.
        wait: replays before it looks.
        warmup: replays that it watches and forgets.
        active: replays that it records.
        shapes: tell operators apart by the shapes of their inputs.
        memory: record allocations.
    """

    excerpt: Excerpt = field(default_factory=_few)
    wait: NonNegativeInt = 0
    warmup: NonNegativeInt = 1
    active: PositiveInt = 1
    shapes: bool = False
    memory: bool = False

    def profile(self, subject: Subject) -> Profile:
        """Replay by the schedule."""
        os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # else it writes to the terminal
        from torch.profiler import ProfilerActivity, profile, schedule

        seen: list[Any] = []

        def ready(watched: Any) -> None:
            watched.export_chrome_trace(str(subject.folder / TRACE))
            seen.extend(watched.key_averages(group_by_input_shape=self.shapes))
            write_table(seen, subject.folder / TABLE)

        with profile(
            activities=[ProfilerActivity.CPU],
            schedule=schedule(wait=self.wait, warmup=self.warmup, active=self.active, repeat=1),
            on_trace_ready=ready,
            record_shapes=self.shapes,
            profile_memory=self.memory,
        ) as watched:
            for _ in range(self.wait + self.warmup + self.active):
                with _spans(subject.stages):
                    subject.replay()
                watched.step()
        return Profile(
            {
                TRACE: "load it at https://ui.perfetto.dev or chrome://tracing",
                TABLE: "open it in any spreadsheet: operators by their own CPU time",
            },
            notes=blind_spots(seen),
        )


@contextmanager
def _spans(stages: Stages) -> Iterator[None]:
    """Each stage that the engine is in, inside the block, is a span of the trace."""
    from torch.profiler import record_function

    with ExitStack() as span:

        def enter(stage: str) -> None:
            span.close()
            span.enter_context(record_function(STAGE + stage))

        with stages.heard(enter):
            yield


def blind_spots(averages: Iterable[Any]) -> tuple[str, ...]:
    """That torch didn't see the engine compute, and where the time went, if so."""
    rows = list(averages)
    if PRODUCTS & {row.key for row in rows}:
        return ()
    spans = sorted((r for r in rows if r.key.startswith(STAGE)), key=lambda r: -r.cpu_time_total)
    total = sum(row.cpu_time_total for row in spans)
    longest = [
        f"{row.key.removeprefix(STAGE)} {row.cpu_time_total / total:.0%}" for row in spans[:3]
    ]
    return (
        "torch multiplied no matrices here: it doesn't see kernels that aren't its own; the "
        f"engine's stages are spans of the trace instead, {STAGE}… ({', '.join(longest)})",
    )


def write_table(averages: Iterable[Any], path: Path) -> None:
    """Write `key_averages()` as CSV, the most expensive operator first; times in microseconds."""
    rows = sorted(averages, key=lambda row: -row.self_cpu_time_total)
    text = StringIO(newline="")
    table = csv.writer(text)
    table.writerow(
        ("operator", "calls", "self_cpu_us", "cpu_us", "self_memory_bytes", "input_shapes")
    )
    for row in rows:
        table.writerow(
            (
                row.key,
                row.count,
                row.self_cpu_time_total,
                row.cpu_time_total,
                row.self_cpu_memory_usage,
                row.input_shapes or "",
            )
        )
    write_text(path, text.getvalue())
