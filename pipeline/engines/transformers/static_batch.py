"""An engine that serves one batch from beginning to end before it forms the next."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import ClassVar, Literal

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as settings

from pipeline.engines.needs import Need, cached, padded, projections, updates, vocabulary
from pipeline.engines.residency import AdapterResidency
from pipeline.engines.settings import EngineSettings, Serving
from pipeline.engines.transformers.batching import BatchPolicy, next_batch
from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished, Token
from pipeline.inference.failure import ends_the_run, failed, not_finite, refusal
from pipeline.inference.request import Request
from pipeline.inference.stage_clock import StageClock
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
        mixes_adapters: whether one batch may hold several adapters.
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
    mixes_adapters: ClassVar[bool] = False

    def next_batch(self, waiting: Sequence[Request]) -> list[Request]:
        """The requests to serve together now, of those that wait, at least one."""
        return next_batch(
            waiting, self.policy, self.max_batch_size, self.mixes_adapters, self.resident_adapters
        )

    def needs(self, serving: Serving, together: Sequence[Request]) -> Sequence[Need]:
        """The weights, the adapters, and what the first batch leaves and makes on its way."""
        shape, width = serving.checkpoint.config, WIDTHS[self.precision]
        stored = STORED.get(serving.quantization, width)
        rows = vocabulary(shape) * (1 if shape.tied else 2)
        resident = islice(serving.adapters.values(), self.resident_adapters)
        batch = self.next_batch(together) if together else ()
        kept = cached(shape, padded(batch, serving.sampling.ignore_eos), width)
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
    """

    tokens: Sequence[Sequence[int]]
    stamps: Sequence[float]
    broken_at: Mapping[int, int] = field(default_factory=dict)

    def row(self, index: int) -> list[int]:
        """The tokens of a row up to where it broke."""
        return list(self.tokens[index][: self.broken_at.get(index)])


class StaticBatchEngine(Engine):
    """Queue, policy, residency and events; a subclass brings the model."""

    def __init__(self, settings: StaticSettings, serving: Serving) -> None:
        self.settings, self.serving = settings, serving
        self.clock = StageClock()
        self._waiting: list[Request] = []
        self._events: list[Event] = []
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
    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompts."""

    @abstractmethod
    def decode(self, outputs: Sequence[Sequence[int]]) -> list[str]:
        """Text of the outputs."""

    @abstractmethod
    def generate(self, prompts: Sequence[Sequence[int]], batch: Sequence[Request]) -> Output:
        """Run the batch through the model; row i answers request i."""

    def submit(self, request: Request) -> None:
        """Put the request at the end of the queue."""
        self._waiting.append(request)

    @property
    def busy(self) -> bool:
        """Whether anything waits or is still to be reported; nothing is half done between steps."""
        return bool(self._waiting or self._events)

    @property
    def adapter_counts(self) -> AdapterCounts:
        """How adapters came and went since the engine was entered."""
        return self.residency.counts

    def step(self) -> list[Event]:
        """Serve one batch to its end; an error ends its requests, not the engine.

        One that is more than theirs is raised all the same; the next step tells how they ended.
        """
        if self._waiting:
            self._serve_next(self.settings.next_batch(self._waiting))
        events, self._events = self._events, []
        return events

    def _serve_next(self, batch: list[Request]) -> None:
        chosen = {request.id for request in batch}
        self._waiting = [request for request in self._waiting if request.id not in chosen]
        self._events += [Admitted(request.id, perf_counter()) for request in batch]
        refused = {request.id: refusal(request, self.serving.adapters) for request in batch}
        for id_, why in refused.items():
            if why:
                self._events.append(Finished(id_, perf_counter(), error=why))
        batch = [request for request in batch if not refused[request.id]]
        try:
            self._events += self._serve(batch) if batch else []
        except Exception as error:
            self.residency.deactivate()
            self._events += failed(batch, error)
            if ends_the_run(error):
                raise
        finally:
            self.clock.enter("other")

    def _serve(self, batch: list[Request]) -> list[Event]:
        prompts = self._tokenize(batch)
        self._bring_adapters(batch)
        output = self.generate(prompts, batch)
        rows = [self._cut(output.row(index), request) for index, request in enumerate(batch)]
        texts = self._detokenize(rows)
        self.clock.enter("other")
        events: list[Event] = []
        for request, row, text in zip(batch, rows, texts, strict=True):
            stamps = output.stamps[: len(row)]
            events += [Token(request.id, at, id_) for at, id_ in zip(stamps, row, strict=True)]
            if self._is_over(row, request):
                events.append(Finished(request.id, stamps[-1], text))
            else:
                why = not_finite(request, len(row))
                events.append(Finished(request.id, output.stamps[len(row)], error=why))
        return events

    def _tokenize(self, batch: Sequence[Request]) -> list[list[int]]:
        self.clock.enter("tokenize")
        if self.serving.text:
            return self.encode([request.prompt for request in batch])
        return [list(request.prompt_ids) for request in batch]

    def _bring_adapters(self, batch: Sequence[Request]) -> None:
        names = [request.adapter for request in batch]
        self.clock.enter("adapter_load")
        self.residency.look_up(names)
        self.residency.require(names)
        if not self.settings.mixes_adapters:
            self.clock.enter("adapter_switch")
            if self.residency.activate(names[0]):
                self.switch(names[0])

    def _detokenize(self, rows: list[list[int]]) -> Sequence[str | None]:
        self.clock.enter("detokenize")
        return self.decode(rows) if self.serving.text else [None] * len(rows)

    def _cut(self, row: Sequence[int], request: Request) -> list[int]:
        kept = list(row[: request.max_new_tokens])
        ends = [index for index, id_ in enumerate(kept) if id_ in self._ends]
        return kept[: ends[0] + 1] if ends else kept

    def _is_over(self, row: Sequence[int], request: Request) -> bool:
        return len(row) == request.max_new_tokens or (bool(row) and row[-1] in self._ends)

    @property
    def _ends(self) -> frozenset[int]:
        return frozenset() if self.serving.sampling.ignore_eos else self.eos

    @property
    @abstractmethod
    def eos(self) -> frozenset[int]:
        """Ids that end a sequence."""
