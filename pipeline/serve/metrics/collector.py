"""`/metrics`: vLLM's names where the meaning is vLLM's, and what else is known of adapters."""

from collections.abc import Iterator
from time import thread_time, time

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from pipeline.inference.occupancy import Occupancy
from pipeline.serve.metrics.adapter_families import OURS, adapter_families
from pipeline.serve.metrics.families import one, several
from pipeline.serve.service import Service

VLLM = "vllm:"
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
        yield self._http()
        yield from self._histograms()
        totals = self._service.desk.traffic.adapters
        totals.keep(self._service.names)
        yield from adapter_families(held, totals, self._labels)

    def _queue(self, held: Occupancy) -> Iterator[Metric]:
        in_flight = self._service.loop.engine.inbox.in_flight
        running = min(sum(held.running.values()), in_flight)
        yield self._gauge("num_requests_running", "Requests that run", running)
        waits = in_flight - running
        yield self._gauge("num_requests_waiting", "Requests that wait to run", waits)
        if held.kv_share is not None:
            says = "Share of the room for keys and values that running requests hold, 0 to 1"
            yield self._gauge("kv_cache_usage_perc", says, held.kv_share)

    def _adapter_lists(self, held: Occupancy) -> Metric:
        """Gateways take the series whose value, a time, is the latest; here there is one."""
        running, waiting = (
            ",".join([name for name in counts if name is not None][:LONGEST_LIST])
            for counts in (held.running, held.waiting)
        )
        most = self._service.model.max_batch_size or len(self._service.names.folders)
        labels = {
            "running_lora_adapters": running,
            "waiting_lora_adapters": waiting,
            "max_lora": str(most),
        }
        said = "Adapters of requests; the value is the time"
        return one(GaugeMetricFamily, f"{VLLM}lora_requests_info", said, labels, time())

    def _counters(self, held: Occupancy) -> Iterator[Metric]:
        traffic = self._service.desk.traffic
        yield self._counter("prompt_tokens", "Prompt tokens", traffic.prompt_tokens)
        said = "Tokens of answers"
        yield self._counter("generation_tokens", said, traffic.generated_tokens)
        yield several(
            CounterMetricFamily,
            f"{VLLM}request_success",
            "Requests that ended, by why",
            [*self._labels, "finished_reason"],
            [({**self._labels, "finished_reason": why}, n) for why, n in traffic.ends.items()],
        )
        if (kv := held.kv_counts) is not None:
            for name, said, count in (
                ("num_preemptions", "Requests that gave way, and waited again", kv.preemptions),
                ("prefix_cache_queries", "Prompt tokens looked for", kv.prompt_tokens),
                ("prefix_cache_hits", "Prompt tokens found computed", kv.cached_tokens),
            ):
                yield self._counter(name, said, count)

    def _http(self) -> Metric:
        """Of `process_cpu_seconds_total`, what this thread took."""
        said = "Processor time of the event loop, in seconds"
        name = f"{OURS}http_cpu_seconds"
        return one(CounterMetricFamily, name, said, self._labels, thread_time())

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

    def _gauge(self, name: str, said: str, value: float) -> Metric:
        return one(GaugeMetricFamily, VLLM + name, said, self._labels, value)

    def _counter(self, name: str, said: str, value: float) -> Metric:
        return one(CounterMetricFamily, VLLM + name, said, self._labels, value)
