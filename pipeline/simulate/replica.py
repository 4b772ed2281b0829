"""A simulated replica: continuous batching as the engine's scheduler does it, without computing.

Steps in which only answers go on are all alike until one of them ends, an adapter has been loaded
or a request comes. They are taken in one leap, so a request costs a handful of events, however
many tokens it asks for.
"""

from collections import Counter
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf

from pipeline.metrics.step_law import StepLaw
from pipeline.simulate.demand import Demand
from pipeline.simulate.replica_settings import ReplicaSettings
from pipeline.simulate.residency import Presence, Residency
from pipeline.simulate.stamps import Stamps


class SimulatedReplica:
    """One engine; requests are numbers in the demand.

    Attributes:
        due: when it is to be looked at again; infinite while it waits for requests.
    """

    def __init__(
        self,
        replica: ReplicaSettings,
        law: StepLaw,
        residency: Residency,
        ranks: list[int],
        demand: Demand,
        stamps: Stamps,
    ) -> None:
        """Idle.

        Args:
            replica: its limits.
            law: of its steps.
            residency: its adapters.
            ranks: of every adapter.
            demand: what the numbers of requests stand for.
            stamps: filled as it serves.
        """
        self._limits, self._law, self._residency, self._ranks = replica, law, residency, ranks
        self._asks, self._prompts, self._outputs = demand.columns
        self._stamps = stamps
        self._waiting: list[int] = []
        self._reading: dict[int, int] = {}
        self._read: list[int] = []
        self._answering: list[tuple[int, int, int]] = []
        self._numbers: dict[int, int] = {}
        self._admitted = count()
        self._adapters: Counter[int] = Counter()
        self._steps_done = 0
        self._started = self._step_s = 0.0
        self._steps = 0
        self.due = inf

    @property
    def adapters(self) -> tuple[int, ...]:
        """In memory, or on their way there."""
        return self._residency.held

    def arrives(self, request: int, now: float) -> None:
        """A request comes; a leap ends with the step that is under way."""
        self._waiting.append(request)
        if not self._steps:
            self._begin(now)
        elif self._steps > 1:
            under_way = ceil((now - self._started) / self._step_s)
            self._leap(min(self._steps, max(1, under_way)))

    def act(self, now: float) -> int:
        """What is due happens; how many requests were answered by it."""
        answered = self._end(now) if self._steps else 0
        self._begin(now)
        return answered

    def _end(self, now: float) -> int:
        """Of a leap, or of a step in which prompts were read."""
        self._steps_done += self._steps
        self._steps = 0
        answered = 0
        while self._answering and self._answering[0][0] <= self._steps_done:
            answered += self._finish(heappop(self._answering)[-1], now)
        for request in self._read:
            del self._reading[request]
            self._stamps.first[request] = now
            left = self._outputs[request] - 1
            if left > 0:
                last = self._steps_done + left
                heappush(self._answering, (last, self._numbers[request], request))
                self._adapters[self._asks[request]] += 1
            else:
                self._leave(request, now)
                answered += 1
        self._read = []
        return answered

    def _finish(self, request: int, now: float) -> int:
        adapter = self._asks[request]
        self._adapters[adapter] -= 1
        if not self._adapters[adapter]:
            del self._adapters[adapter]
        self._leave(request, now)
        return 1

    def _leave(self, request: int, now: float) -> None:
        del self._numbers[request]
        self._stamps.finished[request] = now
        self._residency.unpin(self._asks[request])

    def _begin(self, now: float) -> None:
        self._residency.land(now)
        self._admit(now)
        if self._reading:
            self._step(self._plan(), now)
        elif self._answering:
            self._step({}, now)
            until = self._residency.landing - now if self._waiting else inf
            ends = self._answering[0][0] - self._steps_done
            self._leap(ends if until == inf else min(ends, max(1, ceil(until / self._step_s))))
        else:
            self.due = self._residency.landing if self._waiting else inf

    def _admit(self, now: float) -> None:
        """As `PagedScheduler.joining`, first come, first served, where blocks never run out."""
        most, wanted = self._limits.max_batch_size, set[int]()
        joining: list[int] = []
        running = len(self._reading) + len(self._answering)
        for place, request in enumerate(self._waiting):
            full = running + len(joining) >= most
            if full and place >= most:
                break
            presence = self._presence(request, now, wanted, place < most)
            if presence is Presence.NO_ROOM:
                break
            if presence is Presence.HERE and not full:
                self._residency.pin(self._asks[request])
                joining.append(request)
        for request in joining:
            self._waiting.remove(request)
            self._numbers[request] = next(self._admitted)
            self._reading[request] = self._prompts[request]

    def _presence(self, request: int, now: float, wanted: set[int], ahead: bool) -> Presence:
        adapter = self._asks[request]
        if not ahead:
            absent = Presence.COMING if adapter in wanted else Presence.NO_ROOM
            return Presence.HERE if self._residency.holds(adapter) else absent
        presence = self._residency.send_for(adapter, now, wanted)
        wanted.add(adapter)
        if presence is not Presence.HERE:
            self._stamps.missed[request] = True
        return presence

    def _plan(self) -> dict[int, int]:
        """The prompts of the next step: so many tokens of each, in order of admission."""
        budget, part = self._limits.prefill_tokens, {}
        for request, pending in self._reading.items():
            if not budget:
                break
            part[request] = min(pending, budget)
            budget -= part[request]
        return part

    def _step(self, part: dict[int, int], now: float) -> None:
        """Begin a step that reads these prompts and continues every answer."""
        adapters = {self._asks[request] for request in part} | {*self._adapters}
        ranks = [self._ranks[adapter] for adapter in adapters]
        self._step_s = self._law.seconds(
            len(self._answering), sum(part.values()), len(ranks), sum(ranks), max(ranks)
        )
        for request, tokens in part.items():
            self._reading[request] -= tokens
            if not self._reading[request]:
                self._read.append(request)
        self._started = now
        self._leap(1)

    def _leap(self, steps: int) -> None:
        self._steps = steps
        self.due = self._started + steps * self._step_s
