"""The measuring loop, the same for every engine: submit what is due, step, keep the events."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from itertools import count
from time import perf_counter, process_time, sleep

from pipeline.inference.counted import since
from pipeline.inference.engine import Engine
from pipeline.inference.events import Admitted, Event, Finished, Token
from pipeline.machine.contention import Meter
from pipeline.metrics.timeline import Iteration, RequestRecord
from pipeline.stages.open_request import OpenRequest
from pipeline.stages.turns import Turns
from pipeline.workload.request import TraceRequest

AWAKE_S = 2e-4
"""The last stretch before an arrival is waited awake, because a sleep ends late by about that."""

Covers = Callable[[int, float], bool]
"""Whether the run-in holds a request, by its number among those that were handed over, in the whole
run, and by when it was due, seconds from the run's start."""


def nothing(number: int, since_start_s: float) -> bool:
    """There is no run-in."""
    return False


class Replay:
    """One iteration of a trace through an engine.

    Args:
        engine: who serves.
        requests: of the iteration, in order of arrival.
        limit: most requests in the engine at a time; None for no limit.
        covers: which of them belong to the run-in.
    """

    def __init__(
        self,
        engine: Engine,
        requests: Sequence[TraceRequest],
        limit: int | None,
        covers: Covers = nothing,
    ) -> None:
        self._engine, self._waiting, self._limit = engine, deque(requests), limit
        self._covers, self._run_in = covers, True
        self._numbers = count(requests[0].id if requests else 0)
        self._stretches: list[Iteration] = []
        self._open: dict[Hashable, OpenRequest] = {}
        self._done: list[tuple[OpenRequest, Finished]] = []
        self._freed: deque[float] = deque()
        self._turns = Turns()
        self._idle_since = 0.0

    def run(self, index: int) -> tuple[Iteration, list[RequestRecord]]:
        """Serve all of it as one stretch: its totals, and a record a request, as they finished."""
        ((iteration, records),) = self.stretches(index)
        return iteration, records

    def stretches(
        self, index: int, began: float | None = None
    ) -> list[tuple[Iteration, list[RequestRecord]]]:
        """The same for each stretch: two where the run-in ends on the way, else one.

        Args:
            index: of the iteration.
            began: stamp at which the run began; None where it begins here.
        """
        self._index = index
        started = self._idle_since = self._begin()
        self._began = started if began is None else began
        while self._waiting or self._open or self._turns.ready:
            self._submit_due(started)
            if self._engine.busy:
                self._take(self._advance(started))
            elif self._waiting:
                self._wait_until(started + self._waiting[0].scheduled_s)
            elif self._open:
                raise RuntimeError(f"the engine is idle but owes {len(self._open)} requests")
        self._end()
        records = [opened.close(end, index) for opened, end in self._done]
        return [
            (stretch, [each for each in records if each.run_in is stretch.run_in])
            for stretch in self._stretches
        ]

    def _begin(self) -> float:
        self._meter = Meter()
        self._counts, self._cpu_s = self._engine.adapter_counts, process_time()
        self._kv_counts, self._outside = self._engine.kv_counts, self._engine.outside
        self._elsewhere_s = 0.0
        self._started = self._engine.clock.restart()
        return self._started

    def _end(self) -> None:
        ended, seconds = self._engine.clock.read()
        cpu_seconds, shared = process_time() - self._cpu_s, self._meter.read()
        outside = self._engine.outside.since(self._outside)
        self._stretches.append(
            Iteration(
                index=self._index,
                started=self._started,
                ended=ended,
                stage_seconds=seconds,
                adapters=since(self._counts, self._engine.adapter_counts),
                cpu_seconds=cpu_seconds,
                harness_seconds=ended - self._started - self._elsewhere_s,
                run_in=self._run_in,
                contention=shared.beside(outside.waited_seconds),
                kv=since(self._kv_counts, self._engine.kv_counts),
                outside_cpu_seconds=outside.cpu_seconds,
            )
        )

    def _belongs(self, number: int, scheduled: float) -> bool:
        """Whether a request belongs to the run-in; the first that doesn't ends it."""
        if self._run_in and not self._covers(number, scheduled - self._began):
            if self._open or self._done:
                self._end()
                self._begin()
            self._run_in = False
        return self._run_in

    def _submit_due(self, started: float) -> None:
        while self._limit is None or len(self._open) < self._limit:
            now = perf_counter()
            due = self._next_due(started, now)
            if due is None:
                return
            request, scheduled = due
            if self._freed:
                scheduled = max(scheduled, self._freed.popleft())
            run_in = self._belongs(next(self._numbers), scheduled)
            lag = now - max(scheduled, self._idle_since)
            self._open[request.id] = OpenRequest(request, scheduled, now, max(0.0, lag), run_in)
            begun, used = perf_counter(), process_time()
            self._engine.submit(request.to_inference())
            self._engine_had(begun, used)

    def _next_due(self, started: float, now: float) -> tuple[TraceRequest, float] | None:
        """The next request and since when it is due; later turns wait for the turn before.

        They come in the order in which they fell due. Where places are limited nothing is due
        before one is free, and conversations that have begun go on first.
        """
        while self._waiting:
            scheduled = started + self._waiting[0].scheduled_s
            if scheduled > now or self._turn_is_first(scheduled):
                break
            request = self._waiting.popleft()
            if not self._turns.hold(request, self._open):
                return request, scheduled
        if not self._turns.ready:
            return None
        request, answered = self._turns.take()
        return request, max(started + request.scheduled_s, answered)

    def _turn_is_first(self, scheduled: float) -> bool:
        """Whether a later turn is to be handed over before what is due then."""
        return self._turns.ready and (self._limit is not None or self._turns.since <= scheduled)

    def _advance(self, started: float) -> Sequence[Event]:
        """The engine's turn: a step; where that did nothing, until something can be done."""
        begun, used = perf_counter(), process_time()
        events = self._engine.step()
        if not events:
            self._engine.wait(self._until_next(started))
        self._engine_had(begun, used)
        return events

    def _until_next(self, started: float) -> float | None:
        """Seconds in which nothing is to be handed over; None while that hangs on the engine."""
        if not self._waiting or len(self._open) == self._limit:
            return None
        return max(0.0, started + self._waiting[0].scheduled_s - perf_counter() - AWAKE_S)

    def _engine_had(self, begun: float, used: float) -> None:
        """From `begun` until now the engine had its turn; nothing could be handed over.

        Args:
            begun: stamp of the beginning.
            used: `process_time` of then.
        """
        self._idle_since = perf_counter()
        self._elsewhere_s += self._idle_since - begun
        self._meter.add(self._idle_since - begun, used)

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
            elif isinstance(event, Finished):
                opened = self._open.pop(event.request_id)
                self._done.append((opened, event))
                self._turns.answered(opened.request.id, event.at)
                if self._limit is not None:
                    self._freed.append(event.at)
