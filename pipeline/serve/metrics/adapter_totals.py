"""Counters by adapter, of so many adapters that neither memory nor Prometheus overflows."""

from collections.abc import Container
from dataclasses import dataclass

OTHERS = "(others)"
"""Under which all further adapters are counted together."""


@dataclass(slots=True)
class Totals:
    """Of one adapter.

    Attributes:
        requests: that have ended.
        prompt_tokens: of those that have a first token.
        generated_tokens: all that were told.
    """

    requests: int = 0
    prompt_tokens: int = 0
    generated_tokens: int = 0


class AdapterTotals:
    """The adapters that were asked for first have their own; all later ones have one together.

    So a counter never falls, and an adapter never moves from one series to another, as it would if
    the most used ones were picked at each scrape. Popular adapters are asked for early.
    """

    def __init__(self, base: str, most: int) -> None:
        """Nothing is counted.

        Args:
            base: what the base model is called.
            most: adapters with counters of their own.
        """
        self._base, self._most = base, most
        self._named: dict[str, Totals] = {}
        self.others = Totals()

    @property
    def named(self) -> dict[str, Totals]:
        """Those with counters of their own, in the order in which they were first asked for."""
        return self._named

    def of(self, adapter: str | None) -> Totals:
        """An adapter's, or the base model's, for None."""
        name = self._base if adapter is None else adapter
        found = self._named.get(name)
        if found is None:
            if len(self._named) >= self._most:
                return self.others
            found = self._named[name] = Totals()
        return found

    def keep(self, served: Container[str]) -> None:
        """Forget all that aren't served any more, so that others get their places."""
        for name in [each for each in self._named if each not in served]:
            del self._named[name]
