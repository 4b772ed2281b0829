"""Metrics of several replicas as those of one server."""

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from pipeline.serve.cluster.replica_metrics import merged


def told(replica, count):
    counter = CounterMetricFamily("vllm:generation_tokens", "Tokens", labels=["engine"])
    counter.add_metric(["0"], count)
    times = HistogramMetricFamily("vllm:e2e_request_latency_seconds", "Seconds", labels=["engine"])
    times.add_metric(["0"], [("1.0", count), ("+Inf", count)], count / 2)
    return replica, [counter, times]


def test_each_family_is_there_once_and_each_series_says_whose_it_is():
    text = generate_latest(merged([told("a", 3), told("b", 4)])).decode()
    assert text.count("# TYPE vllm:generation_tokens_total") == 1
    families = {each.name: each for each in text_string_to_metric_families(text)}
    tokens = families["vllm:generation_tokens"].samples
    assert {each.labels["replica"]: each.value for each in tokens} == {"a": 3, "b": 4}
    times = families["vllm:e2e_request_latency_seconds"].samples
    assert len(times) == len({(each.name, *sorted(each.labels.items())) for each in times})
    assert families["multilora:replicas"].samples[0].value == 2


def test_without_replicas_that_is_what_it_says():
    assert b"multilora:replicas 0.0" in generate_latest(merged([]))
