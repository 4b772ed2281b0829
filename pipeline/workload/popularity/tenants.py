"""Several tenants, each with a share of the requests and a law over adapters of its own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings import STRICT
from pipeline.workload.popularity.law import Assignment, Popularity, draw_independently
from pipeline.workload.ranges import Share


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Tenant:
    """Who asks, how much, and for what.

    Attributes:
        share: weight of its requests among all tenants'.
        popularity: the law over its own adapters.
        first: number of its first adapter, from 0.
        count: how many adapters it has; None for all from the first on.
    """

    share: Share
    popularity: Popularity
    first: NonNegativeInt = 0
    count: PositiveInt | None = None

    def adapters(self, n: int) -> int:
        """How many it has of `n`; none or negative where `n` is too small for it."""
        return n - self.first if self.count is None else self.count


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Tenants(Popularity):
    """Settings of `workload/popularity=tenants`; sets of adapters may overlap."""

    name: str
    tenants: Mapping[str, Tenant] = Field(min_length=1)

    def probabilities(self, n: int) -> tuple[float, ...] | None:
        """The tenants' vectors, mixed by their shares; None where one of them has none."""
        shares, mixed = self._shares(), [[0.0] for _ in range(n)]
        for share, tenant in zip(shares, self.tenants.values(), strict=True):
            vector = tenant.popularity.probabilities(tenant.adapters(n))
            if vector is None:
                return None
            for adapter, probability in enumerate(vector, tenant.first):
                mixed[adapter].append(share * probability)
        return tuple(map(math.fsum, mixed))

    def check(self, groups: Sequence[int], n: int) -> None:
        """Every tenant's adapters must be there, and its law must do with them."""
        for name, tenant in self.tenants.items():
            has = tenant.adapters(n)
            if has < 1 or tenant.first + has > n:
                raise UsageError(
                    f"workload.popularity.tenants.{name}: its adapters begin at {tenant.first} "
                    f"and count {tenant.count or 'at least 1'}, and there are {n} in all; "
                    "give it fewer or raise adapters.count"
                )
            tenant.popularity.check(groups, has)

    def deal(self, groups: Sequence[int], n: int, rng: Random) -> list[Assignment]:
        """First who asks, then for what; a tenant's law sees that tenant's requests alone."""
        names = list(self.tenants)
        askers = [names[i] for i in draw_independently(self._shares(), sum(groups), rng)]
        streams = {name: self._choices(name, askers, groups, n, rng) for name in names}
        return [next(streams[name]) for name in askers]

    def draw(self, groups: Sequence[int], n: int, rng: Random) -> list[int]:
        """The adapters alone."""
        return [choice.adapter for choice in self.deal(groups, n, rng)]

    def _choices(
        self, name: str, askers: Sequence[str], groups: Sequence[int], n: int, rng: Random
    ) -> Iterator[Assignment]:
        tenant, own, start = self.tenants[name], [], 0
        for size in groups:
            own.append(askers[start : start + size].count(name))
            start += size
        drawn = tenant.popularity.draw([size for size in own if size], tenant.adapters(n), rng)
        return iter([Assignment(tenant.first + adapter, name) for adapter in drawn])

    def _shares(self) -> list[float]:
        total = math.fsum(tenant.share for tenant in self.tenants.values())
        return [tenant.share / total for tenant in self.tenants.values()]
