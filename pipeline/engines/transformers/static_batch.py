"""An engine that serves one batch from beginning to end before it forms the next."""

from abc import abstractmethod
from collections.abc import Collection, Hashable, Iterable, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar, Literal

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as settings

from pipeline.engines.batching.engine import BatchingEngine
from pipeline.engines.batching.intake import Intake
from pipeline.engines.batching.sequence import Sequence
from pipeline.engines.needs import Need, cached, padded, projections, updates, vocabulary
from pipeline.engines.residency import AdapterResidency
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.engines.transformers.batching import A, BatchPolicy, next_batch
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.capabilities import Capabilities
from pipeline.inference.events import Event, Finished, Token
from pipeline.inference.failure import not_finite
from pipeline.inference.request import Request
from pipeline.models.quantization import Quantization
from pipeline.settings import STRICT

WIDTHS = {"fp32": 4, "bf16": 2}
"""Bytes of a number."""

STORED = {Quantization.INT8: 1.0, Quantization.NF4: 0.5}
"""Bytes of a projection's weight, where it isn't kept as the activations are."""

ADAPTER_WIDTH = 4
"""Adapters are kept in float32, however they are saved."""


@settings(frozen=True, config=STRICT, kw_only=True)
class StaticSettings(EngineSettings):
    """What all static engines have in common.

    Attributes:
        name: what the user typed.
        precision: of weights and activations.
        policy: `fcfs` or `grouped`.
        max_batch_size: most requests in a batch; None takes all that wait.
        resident_adapters: most adapters in memory; None keeps all.
    """

    name: str
    precision: Literal["fp32", "bf16"] = "fp32"
    policy: BatchPolicy = BatchPolicy.GROUPED
    max_batch_size: PositiveInt | None = None
    resident_adapters: PositiveInt | None = None
    capabilities: ClassVar[Capabilities] = Capabilities(cancels=True, per_request_sampling=True)

    def next_batch(self, waiting: Rows[A]) -> list[A]:
        """The requests to serve together now, of those that wait, at least one."""
        mixes = self.capabilities.mixes_adapters
        return next_batch(waiting, self.policy, self.max_batch_size, mixes, self.resident_adapters)

    def needs(self, serving: Serving, together: Rows[Request]) -> Rows[Need]:
        """The weights, the adapters, and what the first batch leaves and makes on its way."""
        shape, width = serving.checkpoint.config, WIDTHS[self.precision]
        stored = STORED.get(serving.quantization, width)
        rows = vocabulary(shape) * (1 if shape.tied else 2)
        resident = islice(serving.adapters.values(), self.resident_adapters)
        batch = self.next_batch(together) if together else []
        answers = all(each.sampling.ignore_eos for each in batch)
        kept = cached(shape, padded(batch, answers), width)
        made = 2 * width * shape.intermediate * padded(batch, answers=False)
        return (
            Need(f"weights in {self.precision}", int(projections(shape) * stored + rows * width)),
            Need("adapters (engine.resident_adapters)", updates(resident, ADAPTER_WIDTH)),
            Need(f"a batch of {len(batch)} (engine.max_batch_size)", kept + made),
        )


@dataclass(frozen=True)
class Output:
    """What a batch generated, one row a request, in the batch's order.

    Attributes:
        tokens: ids of every row.
        stamps: when the tokens of a step were there.
        broken_at: by row, its first token that stands for none: the logits weren't finite.
        cancelled: ids of the requests that were cancelled meanwhile.
    """

    tokens: Rows[Rows[int]]
    stamps: Rows[float]
    broken_at: Mapping[int, int] = field(default_factory=dict)
    cancelled: Collection[Hashable] = ()

    def row(self, index: int) -> list[int]:
        """The tokens of a row up to where it broke."""
        return list(self.tokens[index][: self.broken_at.get(index)])


class StaticBatchEngine(BatchingEngine):
    """Queue, policy, residency and events; a subclass brings the model."""

    def __init__(self, settings: StaticSettings, serving: Serving) -> None:
        super().__init__(settings.capabilities, serving)
        self.settings = settings
        self.intake = Intake(serving.checkpoint, serving.adapters)
        self._waiting: list[Sequence] = []
        self.residency = AdapterResidency(
            settings.resident_adapters, self.load_adapter, self.unload_adapter
        )

    @abstractmethod
    def load_adapter(self, name: str) -> None:
        """Read an adapter from disk into memory."""

    @abstractmethod
    def unload_adapter(self, name: str) -> None:
        """Free an adapter's memory."""

    @abstractmethod
    def switch(self, name: str | None) -> None:
        """Put one adapter, or the bare base model, into effect."""

    @abstractmethod
    def generate(self, batch: Rows[Sequence]) -> Output:
        """Run the batch through the model; row i answers sequence i."""

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""
        return self.residency.counts

    def _queue(self, request: Request, prompt: list[int]) -> None:
        self._waiting.append(Sequence(request, prompt))

    def _open(self) -> Iterable[Sequence]:
        return self._waiting

    def _drop(self, sequence: Sequence) -> None:
        self._waiting.remove(sequence)

    def _advance(self) -> bool:
        """Serve one batch from beginning to end; nothing is half done between steps."""
        if not self._waiting:
            return False
        batch = self.settings.next_batch(self._waiting)
        self._admitted(batch)
        self._attempt(batch, lambda: self._serve(batch))
        self.clock.enter("other")
        return True

    def _serve(self, batch: Rows[Sequence]) -> None:
        try:
            self._bring_adapters(batch)
            output = self.generate(batch)
        except Exception:
            self.residency.deactivate()
            raise
        told = [self._events_of(each, row, output) for row, each in enumerate(batch)]
        for sequence, events in zip(batch, told, strict=True):
            self._drop(sequence)
            self._events += events

    def _bring_adapters(self, batch: Rows[Sequence]) -> None:
        names = [each.adapter for each in batch]
        self.clock.enter("adapter_load")
        self.residency.look_up(names)
        self.residency.require(names)
        if not self.settings.capabilities.mixes_adapters:
            self.clock.enter("adapter_switch")
            if self.residency.activate(names[0]):
                self.switch(names[0])

    def _events_of(self, sequence: Sequence, row: int, output: Output) -> list[Event]:
        """What became of a row, which may have gone on past the end of its answer."""
        if sequence.id in output.cancelled:
            return [Finished.cancelled(sequence.id, output.stamps[-1])]
        events: list[Event] = []
        for id_, at in zip(output.row(row), output.stamps, strict=False):
            sequence.output.append(id_)
            events.append(Token(sequence.id, at, id_))
            if reason := self._ending(sequence):
                return [*events, Finished(sequence.id, at, reason, self._text(sequence))]
        why = not_finite(sequence.request, len(sequence.output))
        at = output.stamps[len(sequence.output)]
        return [*events, Finished.failed(sequence.id, at, why)]
