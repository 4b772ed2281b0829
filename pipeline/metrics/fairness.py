"""Do all adapters, and all tenants, get their share?"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from pipeline.metrics.definitions import NOT_MEASURED, Value
from pipeline.metrics.dispatch import INSTANT_S
from pipeline.metrics.latency import latencies
from pipeline.metrics.timeline import RequestRecord


def jain(shares: Sequence[float]) -> Value:
    """Jain's index (Jain, Chiu and Hawe, 1984): (Σx)² ÷ (n · Σx²).

    1 where all get the same, k/n where k of n get the same and the others nothing.
    """
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares > 0 else NOT_MEASURED


def fairness(requests: Sequence[RequestRecord]) -> dict[str, Value]:
    """`jain_index/adapters`, and `jain_index/tenants` where requests name tenants.

    What is shared is speed as users see it: output tokens ÷ seconds from arrival to end, over all
    requests of an adapter, failed ones without tokens. So asking for more is no unfairness; being
    kept waiting is, and so is getting nothing, however soon that was said.
    """
    found = {"jain_index/adapters": jain(_speeds(requests, lambda each: each.adapter))}
    if any(each.tenant for each in requests):
        found["jain_index/tenants"] = jain(_speeds(requests, lambda each: each.tenant))
    return found


def _speeds(
    requests: Iterable[RequestRecord], owner: Callable[[RequestRecord], Hashable]
) -> list[float]:
    tokens: dict[Hashable, int] = defaultdict(int)
    seconds: dict[Hashable, float] = defaultdict(float)
    for each in requests:
        tokens[owner(each)] += 0 if each.error else len(each.output_ids)
        seconds[owner(each)] += latencies(each).e2e_s
    return [
        tokens[each] / seconds[each] if tokens[each] else 0.0
        for each in tokens
        if seconds[each] > INSTANT_S or not tokens[each]
    ]
