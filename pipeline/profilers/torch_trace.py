"""torch.profiler: a Chrome trace and a table of operators."""

from collections.abc import Callable
from pathlib import Path

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.profilers.profiler import Profiler
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class TorchProfiler(Profiler):
    """Settings of `profiler=torch`.

    Attributes:
        name: what the user typed.
        shapes: record the operators' input shapes.
        memory: record allocations.
        rows: operators in the table.
    """

    name: str
    shapes: bool = False
    memory: bool = False
    rows: PositiveInt = 40

    def profile(self, replay: Callable[[], None], folder: Path) -> dict[str, str]:
        """One replay under the profiler."""
        from torch.profiler import ProfilerActivity, profile

        folder.mkdir(parents=True, exist_ok=True)
        with profile(
            activities=[ProfilerActivity.CPU], record_shapes=self.shapes, profile_memory=self.memory
        ) as seen:
            replay()
        seen.export_chrome_trace(str(folder / "torch_trace.json.gz"))
        table = seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=self.rows)
        (folder / "torch_operators.txt").write_text(table, "utf-8")
        return {
            "torch_trace.json.gz": "open in https://ui.perfetto.dev or chrome://tracing",
            "torch_operators.txt": "operators by their own CPU time",
        }
