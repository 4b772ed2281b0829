"""The same numbers for each adapter and each tenth of them: popular and rare ones differ."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from pipeline.metrics.definitions import ADAPTERS, DECILES, Value
from pipeline.metrics.latency import latency
from pipeline.metrics.slo import Slo, service, slora
from pipeline.metrics.throughput import counts, throughput
from pipeline.metrics.timeline import RequestRecord

BASE = "base"
"""What the base model is called among the adapters, so that none of them may have this name."""

PARTS = 10

LATENCIES = ("ttft_s", "tpot_s", "itl_s", "e2e_s", "queue_s")

COUNTS = ("requests", "failed_requests", "output_tokens")

RATES = ("output_tokens_per_s", "requests_per_s")


def per_adapter(requests: Sequence[RequestRecord], slo: Slo, wall_s: float) -> dict[str, Value]:
    """`adapters/<name>/…` for every adapter that was asked for; rates are by the run's wall time.

    So the adapters' rates add up to the run's.
    """
    asked: dict[str | None, list[RequestRecord]] = defaultdict(list)
    for each in requests:
        asked[each.adapter].append(each)
    names = labels(asked)
    return {
        f"{ADAPTERS}{names[adapter]}/{name}": value
        for adapter, own in asked.items()
        for name, value in numbers(own, slo, wall_s).items()
    }


def numbers(requests: Sequence[RequestRecord], slo: Slo, wall_s: float) -> dict[str, Value]:
    """Counts, rates, latencies and service levels of some of a run's requests."""
    number, rate = counts(requests), throughput(requests, wall_s)
    return {
        **{name: number[name] for name in COUNTS},
        **{name: rate[name] for name in RATES},
        **latency(requests, LATENCIES),
        **service(requests, slo, wall_s),
        **slora(requests),
    }


def deciles(requests: Sequence[RequestRecord], slo: Slo, wall_s: float) -> dict[str, Value]:
    """`deciles/<1 to 10>/…`, 1 for the tenth of the adapters asked for most.

    Adapters rank by how many requests named them, equals by name; the adapter of rank r (from 0)
    of n is in decile ⌊10 · r / n⌋ + 1, so two deciles differ by one adapter at most. Requests for
    the base model are left out. Empty where fewer than ten adapters were asked for.
    """
    asked = Counter(each.adapter for each in requests if each.adapter is not None)
    if len(asked) < PARTS:
        return {}
    ranked = sorted(asked, key=lambda name: (-asked[name], name))
    decile = {name: PARTS * rank // len(ranked) + 1 for rank, name in enumerate(ranked)}
    own: dict[int, list[RequestRecord]] = defaultdict(list)
    for each in requests:
        if each.adapter is not None:
            own[decile[each.adapter]].append(each)
    return {
        f"{DECILES}{number}/{name}": value
        for number in sorted(own)
        for name, value in {
            "adapters": list(decile.values()).count(number),
            **numbers(own[number], slo, wall_s),
        }.items()
    }


def labels(adapters: Collection[str | None]) -> dict[str | None, str]:
    """A name for each adapter that MLflow takes as one part of a metric's name, no two alike.

    What MLflow refuses, and the slash that would end the part, becomes `_`; so does a leading
    dot, for `..` would lead out of the group. Where two come out alike, or one is called as the
    base model is, the later in the alphabet gets another `_`.
    """
    found: dict[str | None, str] = {None: BASE}
    for adapter in sorted(each for each in adapters if each is not None):
        label = re.sub(r"[^\w.\- ]|^\.", "_", adapter) or "_"
        while label in found.values():
            label += "_"
        found[adapter] = label
    return found
