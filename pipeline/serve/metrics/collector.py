"""`/metrics`: vLLM's names where the meaning is vLLM's, and what else is known of adapters."""

from collections import Counter
from collections.abc import Iterator
from time import time

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from pipeline.inference.occupancy import Occupancy
from pipeline.serve.metrics.adapter_totals import OTHERS
from pipeline.serve.page.status import state_of
from pipeline.serve.service import Service

VLLM, OURS = "vllm:", "multilora:"
LONGEST_LIST = 256
"""Adapters in a list that is a label."""


class ServerCollector(Collector):
    """Of one server; on its event loop's thread, where what it reads is counted."""

    def __init__(self, service: Service) -> None:
        """Reads when it is asked."""
        self._service = service
        self._labels = {"model_name": service.names.base, "engine": "0"}

    def describe(self) -> list[Metric]:
        """Nothing is collected for the sake of names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All families."""
        held = self._service.loop.occupancy
        yield from self._queue(held)
        yield self._adapter_lists(held)
        yield from self._counters(held)
        yield from self._histograms()
        yield from self._adapters(held)

    def _queue(self, held: Occupancy) -> Iterator[Metric]:
        in_flight = self._service.loop.engine.inbox.in_flight
        running = min(sum(held.running.values()), in_flight)
        yield self._gauge(VLLM, "num_requests_running", "Requests that run", running)
        waits = in_flight - running
        yield self._gauge(VLLM, "num_requests_waiting", "Requests that wait to run", waits)
        if held.kv_share is not None:
            says = "Share of the room for keys and values that running requests hold, 0 to 1"
            yield self._gauge(VLLM, "kv_cache_usage_perc", says, held.kv_share)

    def _adapter_lists(self, held: Occupancy) -> Metric:
        """Gateways take the series whose value, a time, is the latest; here there is one."""
        names = ("running_lora_adapters", "waiting_lora_adapters", "max_lora")
        family = GaugeMetricFamily(
            f"{VLLM}lora_requests_info", "Adapters of requests; the value is the time", labels=names
        )
        running, waiting = (
            ",".join([name for name in counts if name is not None][:LONGEST_LIST])
            for counts in (held.running, held.waiting)
        )
        most = self._service.model.places or len(self._service.names.folders)
        family.add_metric([running, waiting, str(most)], time())
        return family

    def _counters(self, held: Occupancy) -> Iterator[Metric]:
        traffic = self._service.desk.traffic
        yield self._counter(VLLM, "prompt_tokens", "Prompt tokens", traffic.prompt_tokens)
        said = "Tokens of answers"
        yield self._counter(VLLM, "generation_tokens", said, traffic.generated_tokens)
        ends = CounterMetricFamily(
            f"{VLLM}request_success",
            "Requests that ended, by why",
            labels=[*self._labels, "finished_reason"],
        )
        for reason, count in traffic.ends.items():
            ends.add_metric([*self._labels.values(), reason], count)
        yield ends
        if (kv := held.kv_counts) is not None:
            for name, said, count in (
                ("num_preemptions", "Requests that gave way, and waited again", kv.preemptions),
                ("prefix_cache_queries", "Prompt tokens looked for", kv.prompt_tokens),
                ("prefix_cache_hits", "Prompt tokens found computed", kv.cached_tokens),
            ):
                yield self._counter(VLLM, name, said, count)

    def _histograms(self) -> Iterator[Metric]:
        traffic = self._service.desk.traffic
        for name, said, buckets in (
            ("time_to_first_token_seconds", "From arrival to the first token", traffic.ttft),
            ("inter_token_latency_seconds", "From a token to the next", traffic.itl),
            (
                "request_time_per_output_token_seconds",
                "Mean of that over an answer",
                traffic.tpot,
            ),
            ("e2e_request_latency_seconds", "From arrival to the last token", traffic.e2e),
            ("request_queue_time_seconds", "From arrival to the first work", traffic.queue),
            ("request_prefill_time_seconds", "From there to the first token", traffic.prefill),
            ("request_decode_time_seconds", "From the first token to the last", traffic.decode),
            ("request_inference_time_seconds", "From the first work on", traffic.inference),
            ("request_prompt_tokens", "Tokens of a prompt", traffic.prompts),
            ("request_generation_tokens", "Tokens of an answer", traffic.answers),
            ("iteration_tokens_total", "Tokens of a step", traffic.steps),
        ):
            family = HistogramMetricFamily(f"{VLLM}{name}", said, labels=[*self._labels])
            family.add_metric([*self._labels.values()], buckets.cumulative(), buckets.total)
            yield family

    def _adapters(self, held: Occupancy) -> Iterator[Metric]:
        """What people ask for of adapters; by adapter only of as many as there are places for."""
        states = Counter(state_of(each) for each in held.adapters)
        family = GaugeMetricFamily(
            f"{OURS}adapters", "Adapters by where they are", labels=[*self._labels, "state"]
        )
        for state in ("pinned", "idle", "loading", "disk"):
            family.add_metric([*self._labels.values(), state], states[state])
        yield family
        known = [each.bytes for each in held.adapters if each.bytes is not None]
        yield self._gauge(OURS, "adapters_memory_bytes", "Memory of adapters", sum(known))
        counts = held.adapter_counts
        for name, said, count in (
            ("adapters_loads", "Adapters read from disk", counts.loads),
            ("adapters_load_seconds", "Seconds that took, in all", held.adapter_load_s),
            ("adapters_evictions", "Adapters dropped to make room", counts.evictions),
            ("adapters_switches", "Changes of the active adapter", counts.switches),
            ("adapters_lookups", "Requests that began with an adapter", counts.lookups),
            ("adapters_hits", "Of those, whose adapter was in memory", counts.hits),
        ):
            yield self._counter(OURS, name, said, count)
        yield from self._totals()
        yield from self._uses(held)

    def _totals(self) -> Iterator[Metric]:
        totals = self._service.desk.traffic.adapters
        totals.keep(self._service.names)
        rows = [*totals.named.items(), (OTHERS, totals.others)]
        for name, said in (
            ("requests", "Requests that ended"),
            ("prompt_tokens", "Prompt tokens"),
            ("generated_tokens", "Tokens of answers"),
        ):
            family = CounterMetricFamily(
                f"{OURS}adapter_{name}", f"{said}, by adapter", labels=["adapter"]
            )
            for adapter, each in rows:
                family.add_metric([adapter], getattr(each, name))
            yield family

    def _uses(self, held: Occupancy) -> Iterator[Metric]:
        named = self._service.desk.traffic.adapters.named
        shown = [each for each in held.adapters if each.current and each.name in named]
        for kind, name, said in (
            (GaugeMetricFamily, "pins", "Requests that run with the adapter"),
            (GaugeMetricFamily, "bytes", "Memory that the adapter takes"),
            (CounterMetricFamily, "loads", "Times that it was read from disk"),
            (CounterMetricFamily, "load_s", "Seconds that took"),
            (CounterMetricFamily, "lookups", "Requests that began with it"),
            (CounterMetricFamily, "hits", "Of those, who found it in memory"),
        ):
            told = {"load_s": "load_seconds", "bytes": "memory_bytes"}.get(name, name)
            family = kind(f"{OURS}adapter_{told}", f"{said}, by adapter", labels=["adapter"])
            for each in shown:
                family.add_metric([each.name], getattr(each, name) or 0)
            yield family

    def _gauge(self, prefix: str, name: str, said: str, value: float) -> Metric:
        family = GaugeMetricFamily(prefix + name, said, labels=[*self._labels])
        family.add_metric([*self._labels.values()], value)
        return family

    def _counter(self, prefix: str, name: str, said: str, value: float) -> Metric:
        family = CounterMetricFamily(prefix + name, said, labels=[*self._labels])
        family.add_metric([*self._labels.values()], value)
        return family
