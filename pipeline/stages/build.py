"""Build: the engine of a run, loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from pipeline.config.run_config import RunConfig
from pipeline.inference.engine import Engine
from pipeline.machine.cores import check_threads
from pipeline.metrics.definitions import NOT_MEASURED, Value
from pipeline.stages.prepare import Prepared, serving


@dataclass(frozen=True)
class Built:
    """A loaded engine, and the seconds that took."""

    engine: Engine
    load_s: float

    @property
    def figures(self) -> dict[str, Value]:
        """Metrics of the engine as it stands."""
        engine = self.engine
        sizes = {
            "model_bytes": engine.model_bytes,
            "kv_bytes": engine.kv_bytes,
            "adapter_bytes": engine.adapter_bytes,
        }
        return {name: NOT_MEASURED if size is None else size for name, size in sizes.items()}


@contextmanager
def build(config: RunConfig, prepared: Prepared, folder: Path | None = None) -> Iterator[Built]:
    """Load the engine; it is freed when the block ends.

    Args:
        config: of the run.
        prepared: model and adapters.
        folder: where the engine may leave files; None where nobody keeps any.

    Raises:
        UsageError: the system doesn't let it have its threads.
    """
    check_threads(config.compute_threads)
    started = perf_counter()
    built_from = serving(config, prepared.checkpoint, prepared.adapters, folder)
    with config.engine.build(built_from) as engine:
        yield Built(engine, perf_counter() - started)
