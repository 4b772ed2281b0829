"""The same numbers for popular and for rare adapters, a tenth of the adapters at a time."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from pipeline.metrics.per_adapter import numbers
from pipeline.metrics.percentiles import Value
from pipeline.metrics.slo import Slo
from pipeline.metrics.timeline import RequestRecord

PREFIX = "deciles/"

DECILES = 10


def deciles(requests: Sequence[RequestRecord], slo: Slo, wall_s: float) -> dict[str, Value]:
    """`deciles/<1 to 10>/…`, 1 for the tenth of the adapters asked for most.

    Adapters rank by how many requests named them, equals by name; the adapter of rank r (from 0)
    of n is in decile ⌊10 · r / n⌋ + 1, so two deciles differ by one adapter at most. Requests for
    the base model are left out. Empty where fewer than ten adapters were asked for.
    """
    asked = Counter(each.adapter for each in requests if each.adapter is not None)
    if len(asked) < DECILES:
        return {}
    ranked = sorted(asked, key=lambda name: (-asked[name], name))
    decile = {name: DECILES * rank // len(ranked) + 1 for rank, name in enumerate(ranked)}
    own: dict[int, list[RequestRecord]] = defaultdict(list)
    for each in requests:
        if each.adapter is not None:
            own[decile[each.adapter]].append(each)
    return {
        f"{PREFIX}{number}/{name}": value
        for number in sorted(own)
        for name, value in {
            "adapters": list(decile.values()).count(number),
            **numbers(own[number], slo, wall_s),
        }.items()
    }
