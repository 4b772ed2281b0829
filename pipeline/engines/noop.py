"""`engine=noop`: answers at once, so that what a run takes is what measuring costs.

MLPerf's LoadGen calls such a thing a null system. It reads no weights and computes nothing; it
keeps the contract, stamps included, and does what is a server's work with text.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Rows
from time import perf_counter
from typing import ClassVar, Literal, Self

from pydantic.dataclasses import dataclass

from pipeline.adapters.variants import BIAS, RESIZED, SHARED, VARIANTS
from pipeline.engines.batching.continuous import ContinuousEngine, Work
from pipeline.engines.batching.intake import Intake
from pipeline.engines.batching.scheduler import Scheduler
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.backend import Backend
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.engine import Engine
from pipeline.inference.request import Request
from pipeline.settings import STRICT


@dataclass(frozen=True, config=STRICT, kw_only=True)
class NoopSettings(EngineSettings):
    """Settings of `engine=noop`.

    Attributes:
        name: what the user typed.
        precision: there are no numbers to be precise about.
    """

    name: str
    precision: Literal["none"] = "none"
    computes: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities(
        stream=True, mixes_adapters=True, cancels=True, per_request_sampling=True
    )
    variants: ClassVar[frozenset[str]] = frozenset({BIAS, RESIZED, SHARED, *VARIANTS})

    def build(self, serving: Serving) -> Engine:
        """The engine, not yet entered."""
        return Noop(serving)


class _AdmitAll(Scheduler[Sequence]):
    """Lets everybody in at once, who then hold nothing."""

    def joining(self) -> Iterator[Rows[Sequence]]:
        if self.waiting:
            yield [*self.waiting]

    def _hold(self, group: Rows[Sequence]) -> None:
        pass

    def _release(self, sequence: Sequence) -> None:
        pass


class Noop(ContinuousEngine):
    """Admits everything that waits; every step then repeats each request's prompt by a token."""

    def __init__(self, serving: Serving) -> None:
        super().__init__(NoopSettings.capabilities, serving)
        self.scheduler = _AdmitAll()

    def __enter__(self) -> Self:
        self.intake = Intake(self.serving.checkpoint, None, served=self.serving.adapters)
        return self

    def close(self) -> None:
        """Nothing was loaded but a tokenizer."""

    @property
    def backend(self) -> Backend:
        """Nothing computes."""
        return Backend("none")

    @property
    def adapter_counts(self) -> AdapterCounts:
        """All zero: no adapter is ever looked at."""
        return AdapterCounts()

    def _queue(self, request: Request, prompt: list[int]) -> None:
        self.scheduler.add(Sequence(request, prompt))

    def _work(self) -> Rows[Work]:
        running = [*self.scheduler.running]
        return [(running, lambda: self._repeat(running))] if running else []

    def _repeat(self, running: Rows[Sequence]) -> None:
        ids = [each.prompt[len(each.output) % len(each.prompt)] for each in running]
        self._give(running, ids, perf_counter(), [None] * len(ids))
