"""The same numbers for each adapter: popular and rare ones differ; that is the point of Zipf."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

from pipeline.metrics.counts import counts
from pipeline.metrics.latency import latency
from pipeline.metrics.percentiles import Value
from pipeline.metrics.slo import Slo, service, slora
from pipeline.metrics.throughput import throughput
from pipeline.metrics.timeline import RequestRecord

PREFIX = "adapters/"

BASE = "base"
"""Where requests for the base model are shown, among the adapters."""

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
        f"{PREFIX}{names[adapter]}/{name}": value
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
