"""No profiling: `profiler=none`."""

from pydantic.dataclasses import dataclass

from pipeline.profilers.profiler import Profiler, Tool
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoProfiler(Profiler):
    """Settings of `profiler=none`."""

    name: str

    def tools(self) -> tuple[Tool, ...]:
        """None."""
        return ()
