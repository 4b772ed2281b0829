"""What `/metrics` tells of adapters beyond vLLM: by adapter of as many as there are places for."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.occupancy import STATES, Occupancy
from pipeline.serve.metrics.adapter_totals import OTHERS, AdapterTotals
from pipeline.serve.metrics.families import Labels, one, several

OURS = "multilora:"


def adapter_families(held: Occupancy, totals: AdapterTotals, labels: Labels) -> Iterator[Metric]:
    """All of them.

    Args:
        held: what the engine holds.
        totals: what requests came to, by adapter.
        labels: of the server.
    """
    if held.adapter_counts is not None:
        yield from _in_all(held, held.adapter_counts, labels)
    yield from _of_requests(totals)
    yield from _of_uses(held, totals)


def _in_all(held: Occupancy, counts: AdapterCounts, labels: Labels) -> Iterator[Metric]:
    states = Counter(each.state for each in held.adapters)
    rows = [({**labels, "state": state}, states[state]) for state in STATES]
    told = [*labels, "state"]
    yield several(GaugeMetricFamily, f"{OURS}adapters", "Adapters by where they are", told, rows)
    known = sum(each.bytes for each in held.adapters if each.bytes is not None)
    name = f"{OURS}adapters_memory_bytes"
    yield one(GaugeMetricFamily, name, "Memory of adapters", labels, known)
    for name, said, count in (
        ("loads", "Adapters read from disk", counts.loads),
        ("load_seconds", "Seconds that took, in all", held.adapter_load_s),
        ("evictions", "Adapters dropped to make room", counts.evictions),
        ("switches", "Changes of the active adapter", counts.switches),
        ("lookups", "Requests that began with an adapter", counts.lookups),
        ("hits", "Of those, whose adapter was in memory", counts.hits),
    ):
        yield one(CounterMetricFamily, f"{OURS}adapters_{name}", said, labels, count)


def _of_requests(totals: AdapterTotals) -> Iterator[Metric]:
    rows = [*totals.named.items(), (OTHERS, totals.others)]
    for name, said in (
        ("requests", "Requests that ended"),
        ("prompt_tokens", "Prompt tokens"),
        ("generated_tokens", "Tokens of answers"),
    ):
        values = [({"adapter": adapter}, getattr(each, name)) for adapter, each in rows]
        family = f"{OURS}adapter_{name}"
        yield several(CounterMetricFamily, family, f"{said}, by adapter", ["adapter"], values)


def _of_uses(held: Occupancy, totals: AdapterTotals) -> Iterator[Metric]:
    shown = [each for each in held.adapters if each.current and each.name in totals.named]
    for kind, name, field, said in (
        (GaugeMetricFamily, "pins", "pins", "Requests that run with the adapter"),
        (GaugeMetricFamily, "memory_bytes", "bytes", "Memory that the adapter takes"),
        (CounterMetricFamily, "loads", "loads", "Times that it was read from disk"),
        (CounterMetricFamily, "load_seconds", "load_s", "Seconds that took"),
        (CounterMetricFamily, "lookups", "lookups", "Requests that began with it"),
        (CounterMetricFamily, "hits", "hits", "Of those, who found it in memory"),
    ):
        values = [({"adapter": each.name}, getattr(each, field) or 0) for each in shown]
        yield several(kind, f"{OURS}adapter_{name}", f"{said}, by adapter", ["adapter"], values)
