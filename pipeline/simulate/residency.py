"""Adapters in a simulated replica's memory: least recently used leave, one at a time is loaded."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from enum import Enum
from math import inf


class Presence(Enum):
    """Where an adapter is when a request asks for it."""

    HERE = "here"
    COMING = "coming"
    NO_ROOM = "no room"


class Residency:
    """As the engine's adapter memory: the first adapters that fit are there from the beginning.

    Attributes:
        landing: when the next load ends; infinite where none is under way.
    """

    def __init__(self, ranks: Sequence[int], room: int | None, load_s: float) -> None:
        """Fill it.

        Args:
            ranks: of every adapter; memory goes by them.
            room: ranks that fit in all; None for no limit.
            load_s: seconds that a load takes.
        """
        self._ranks, self._room, self._load_s = ranks, inf if room is None else room, load_s
        self._pins: OrderedDict[int, int] = OrderedDict()
        self._coming: OrderedDict[int, float] = OrderedDict()
        self._used = 0
        self._loader_free = 0.0
        self.landing = inf
        for adapter, rank in enumerate(ranks):
            if self._used + rank > self._room:
                break
            self._pins[adapter] = 0
            self._used += rank

    @property
    def held(self) -> tuple[int, ...]:
        """Adapters in memory, and those on their way."""
        return *self._pins, *self._coming

    def land(self, now: float) -> None:
        """What has been loaded by now is here."""
        while self._coming and self.landing <= now:
            adapter, _ = self._coming.popitem(last=False)
            self._pins[adapter] = 0
            self.landing = next(iter(self._coming.values()), inf)

    def holds(self, adapter: int) -> bool:
        """Whether a request for it needs no load."""
        return adapter in self._pins

    def send_for(self, adapter: int, now: float, keep: Collection[int]) -> Presence:
        """Begin to load an adapter unless it is here or on its way.

        Args:
            adapter: which.
            now: the time.
            keep: adapters that mustn't leave for it.
        """
        if adapter in self._pins:
            self._pins.move_to_end(adapter)
            return Presence.HERE
        if adapter not in self._coming:
            if not self._make_room(self._ranks[adapter], keep):
                return Presence.NO_ROOM
            self._loader_free = max(self._loader_free, now) + self._load_s
            self._coming[adapter] = self._loader_free
            self._used += self._ranks[adapter]
            self.landing = next(iter(self._coming.values()))
        return Presence.COMING

    def pin(self, adapter: int) -> None:
        """It stays until it was unpinned as often."""
        self._pins[adapter] += 1

    def unpin(self, adapter: int) -> None:
        """A request is done with it."""
        self._pins[adapter] -= 1
        self._pins.move_to_end(adapter)

    def _make_room(self, needed: int, keep: Collection[int]) -> bool:
        excess, victims = self._used + needed - self._room, []
        for adapter, pins in self._pins.items():
            if excess <= 0:
                break
            if not pins and adapter not in keep:
                victims.append(adapter)
                excess -= self._ranks[adapter]
        if excess > 0:
            return False
        for adapter in victims:
            del self._pins[adapter]
            self._used -= self._ranks[adapter]
        return True
