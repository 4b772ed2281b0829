"""No profiling: `profiler=none`."""

from collections.abc import Callable
from pathlib import Path

from pydantic.dataclasses import dataclass

from pipeline.profilers.profiler import Profiler
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoProfiler(Profiler):
    """Settings of `profiler=none`."""

    name: str

    def profile(self, replay: Callable[[], None], folder: Path) -> dict[str, str]:
        """Nothing is replayed."""
        return {}
