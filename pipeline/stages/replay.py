"""The measuring loop, the same for every engine: submit what is due, step, keep the events."""

from collections import deque
from collections.abc import Sequence
from time import perf_counter, process_time, sleep

from pipeline.engines.engine import Admitted, Engine, Event, Finished, Token
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.workload.request import Request

AWAKE_S = 2e-4
"""The last stretch before an arrival is waited awake, because a sleep ends late by about that."""


class _Open:
    """A request in the engine."""

    def __init__(self, request: Request, scheduled: float, submitted: float, lag: float) -> None:
        self.request, self.scheduled, self.submitted, self.lag = request, scheduled, submitted, lag
        self.admitted: float | None = None
        self.stamps: list[float] = []
        self.ids: list[int] = []

    def close(self, end: Finished, index: int) -> RequestRecord:
        return RequestRecord(
            id=self.request.id,
            iteration=index,
            adapter=self.request.adapter,
            prompt_tokens=len(self.request.prompt_ids),
            scheduled=self.scheduled,
            submitted=self.submitted,
            lag=self.lag,
            admitted=self.admitted,
            tokens=tuple(self.stamps),
            finished=end.at,
            output_ids=tuple(self.ids),
            text=end.text,
            error=end.error,
            tenant=self.request.tenant,
        )


class Replay:
    """One iteration of a trace through an engine."""

    def __init__(self, engine: Engine, requests: Sequence[Request], limit: int | None) -> None:
        self._engine, self._waiting, self._limit = engine, deque(requests), limit
        self._open: dict[int, _Open] = {}
        self._done: list[tuple[_Open, Finished]] = []
        self._freed: deque[float] = deque()
        self._idle_since = 0.0
        self._elsewhere_s = 0.0

    def run(self, index: int) -> tuple[Iteration, list[RequestRecord]]:
        """Serve all of it; the stretch's totals and a record a request, as they finished."""
        counts, cpu = self._engine.adapter_counts, process_time()
        started = self._idle_since = self._engine.clock.restart()
        while self._waiting or self._open:
            self._submit_due(started)
            if self._engine.busy:
                begun = perf_counter()
                events = self._engine.step()
                self._engine_had(begun)
                self._take(events)
            elif self._waiting:
                self._wait_until(started + self._waiting[0].scheduled_s)
            elif self._open:
                raise RuntimeError(f"the engine is idle but owes {len(self._open)} requests")
        ended, seconds = self._engine.clock.read()
        iteration = Iteration(
            index=index,
            started=started,
            ended=ended,
            stage_seconds=seconds,
            adapters=self._engine.adapter_counts - counts,
            cpu_seconds=process_time() - cpu,
            harness_seconds=ended - started - self._elsewhere_s,
        )
        return iteration, [opened.close(end, index) for opened, end in self._done]

    def _submit_due(self, started: float) -> None:
        while self._waiting and (self._limit is None or len(self._open) < self._limit):
            now = perf_counter()
            scheduled = started + self._waiting[0].scheduled_s
            if scheduled > now:
                return
            if self._freed:
                scheduled = max(scheduled, self._freed.popleft())
            request = self._waiting.popleft()
            lag = now - max(scheduled, self._idle_since)
            self._open[request.id] = _Open(request, scheduled, now, max(0.0, lag))
            begun = perf_counter()
            self._engine.submit(request)
            self._engine_had(begun)

    def _engine_had(self, begun: float) -> None:
        """From `begun` until now the engine had the processor; nothing could be handed over."""
        self._idle_since = perf_counter()
        self._elsewhere_s += self._idle_since - begun

    def _wait_until(self, due: float) -> None:
        begun = perf_counter()
        sleep(max(0.0, due - begun - AWAKE_S))
        self._elsewhere_s += perf_counter() - begun

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            opened = self._open[event.request_id]
            if isinstance(event, Token):
                opened.stamps.append(event.at)
                opened.ids.append(event.token_id)
            elif isinstance(event, Admitted):
                opened.admitted = event.at
            else:
                self._done.append((self._open.pop(event.request_id), event))
                if self._limit is not None:
                    self._freed.append(event.at)
