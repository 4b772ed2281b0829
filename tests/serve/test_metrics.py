"""What Prometheus is told, against what was asked and answered."""

import re
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from pipeline.inference.adapter_counts import AdapterCounts
from pipeline.inference.events import Admitted, Finished, FinishReason, Token
from pipeline.inference.occupancy import Occupancy
from pipeline.inference.request import Request
from pipeline.serve.metrics.adapter_families import adapter_families
from pipeline.serve.metrics.adapter_totals import OTHERS, AdapterTotals
from pipeline.serve.metrics.histogram import TTFT_S, Buckets, one_two_five
from pipeline.serve.metrics.traffic import Traffic
from pipeline.serve.progress import Progress
from tests.serve.asking import GREEDY, asked, streamed
from tests.serve.conftest import running
from tests.waiting import until

REQUEST = ("e2e_request_latency", "request_queue_time", "request_prefill_time")
LISTED = (
    *("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "lora_requests_info"),
    *("prompt_tokens_total", "generation_tokens_total", "request_success_total"),
    *("num_preemptions_total", "prefix_cache_queries_total", "prefix_cache_hits_total"),
    *("time_to_first_token_seconds_bucket", "inter_token_latency_seconds_bucket"),
    *(f"{each}_seconds_bucket" for each in (*REQUEST, "request_decode_time")),
    *("iteration_tokens_total_bucket", "request_prompt_tokens_bucket"),
    "request_generation_tokens_bucket",
)


def scraped(client):
    """Values by name and labels, but for those that every series of vLLM's has."""
    found = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for each in family.samples:
            labels = {k: v for k, v in each.labels.items() if k not in ("model_name", "engine")}
            found[each.name, tuple(sorted(labels.items()))] = each.value
    return found


def rested(client):
    """Once the server has seen that its engine is at rest."""
    until(lambda: scraped(client)["vllm:kv_cache_usage_perc", ()] == 0)
    return scraped(client)


@pytest.fixture(scope="module")
def mine(cache):
    """A server that nobody else asks."""
    settings = ("engine.prefix_cache=true", "serve.metrics_adapters=3")
    with running(*settings, cache=cache) as started:
        yield started.client


def test_counts_are_those_of_what_was_answered(mine):
    before = scraped(mine)
    told = asked(mine, model="sql", **GREEDY)
    told_again = streamed(
        mine, model="sql", **GREEDY, stream_options={"include_usage": True}, ignore_eos=True
    )
    usage = [told["usage"], told_again[-1]["usage"]]
    after = rested(mine)

    def gained(name, **labels):
        key = name, tuple(sorted(labels.items()))
        return after[key] - before.get(key, 0)

    prompt, answer = (
        sum(each[name] for each in usage) for name in ("prompt_tokens", "completion_tokens")
    )
    assert gained("vllm:prompt_tokens_total") == prompt
    assert gained("vllm:generation_tokens_total") == answer
    assert gained("vllm:request_success_total", finished_reason="length") >= 1
    assert gained("vllm:prefix_cache_queries_total") == prompt
    for name in ("time_to_first_token_seconds", "e2e_request_latency_seconds"):
        assert gained(f"vllm:{name}_count") == 2
    assert gained("vllm:inter_token_latency_seconds_count") == answer - 2
    assert gained("vllm:iteration_tokens_total_sum") == prompt + answer
    assert 0 < gained("multilora:http_cpu_seconds_total") < 60
    assert gained("multilora:adapter_requests_total", adapter="sql") == 2
    assert gained("multilora:adapter_generated_tokens_total", adapter="sql") == answer
    assert gained("multilora:adapter_lookups_total", adapter="sql") == 2
    assert after["vllm:num_requests_running", ()] == after["vllm:num_requests_waiting", ()] == 0


def test_all_that_dashboards_and_gateways_look_for_is_there_with_its_labels(mine):
    text = mine.get("/metrics").text
    for name in LISTED:
        assert re.search(rf"^vllm:{name}\{{", text, re.MULTILINE), name
    assert 'vllm:num_requests_running{engine="0",model_name="tiny"}' in text
    lists = 'max_lora="32",running_lora_adapters="",waiting_lora_adapters=""'
    assert f"vllm:lora_requests_info{{{lists}}}" in text
    assert "process_resident_memory_bytes" in text


PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize("kind", ["application/openmetrics-text; version=1.0.0", PROMETHEUS_2_42])
def test_openmetrics_is_spoken_to_who_asks_for_it_with_the_same_names(mine, kind):
    answer = mine.get("/metrics", headers={"accept": kind})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    told = {each.name for family in openmetrics(answer.text) for each in family.samples}
    plain = text_string_to_metric_families(mine.get("/metrics").text)
    assert told == {each.name for family in plain for each in family.samples}
    assert len(told) > 30 and "vllm:generation_tokens_total" in told


def test_adapters_beyond_the_limit_are_counted_together_and_never_move(mine):
    for name in ("sql", "verse", "csv", "json", "html", "json"):
        asked(mine, model=name, **GREEDY)
    found = rested(mine)
    by_adapter = {
        dict(labels)["adapter"]: value
        for (name, labels), value in found.items()
        if name == "multilora:adapter_requests_total"
    }
    assert [*by_adapter] == ["sql", "verse", "csv", OTHERS]
    assert by_adapter[OTHERS] == 3
    states = {
        dict(labels)["state"]: value
        for (name, labels), value in found.items()
        if name == "multilora:adapters"
    }
    assert states == {"pinned": 0, "idle": 8, "loading": 0, "disk": 0}
    assert found["multilora:adapters_memory_bytes", ()] > 0
    assert found["multilora:adapters_load_seconds_total", ()] > 0


def request(adapter="sql"):
    return Request("r", adapter, prompt_ids=(1, 2, 3))


def test_times_are_those_of_the_stamps():
    traffic, progress = Traffic(100, AdapterTotals("base", 2)), Progress(10.0)
    asked = request()
    for event in (
        Admitted("r", 11.0),
        Token("r", 13.0, 5),
        Token("r", 13.5, 5),
        Token("r", 14.0, 5),
        Finished("r", 14.0, FinishReason.LENGTH),
    ):
        traffic.hear(asked, progress, event)
        traffic.step_ends()
    assert traffic.ttft.total == 3 and traffic.queue.total == 1 and traffic.prefill.total == 2
    assert traffic.itl.total == 1 and traffic.itl.count == 2 and traffic.tpot.total == 0.5
    assert traffic.e2e.total == 4 and traffic.decode.total == 1 and traffic.inference.total == 3
    assert traffic.steps.total == 6 and traffic.steps.count == 3
    assert traffic.ends["length"] == 1
    assert traffic.adapters.named["sql"].generated_tokens == 3


def test_who_failed_or_went_away_is_counted_but_has_no_latency():
    traffic = Traffic(100, AdapterTotals("base", 2))
    traffic.hear(request(), Progress(0.0), Finished.failed("r", 1.0, "broken"))
    traffic.hear(request(), Progress(0.0), Finished.cancelled("r", 1.0))
    traffic.end(request(None), "abort")
    assert traffic.ends == {"stop": 0, "length": 0, "abort": 2, "error": 1}
    assert traffic.e2e.count == 0
    assert traffic.adapters.named["base"].requests == 1


def test_an_adapter_that_is_gone_gives_up_its_place():
    totals = AdapterTotals("base", 2)
    totals.of("a").requests = 1
    totals.of("b")
    assert totals.of("c") is totals.others
    totals.keep({"b", "c"})
    assert totals.of("c") is not totals.others
    assert [*totals.named] == ["b", "c"]


def test_buckets_count_what_is_no_greater():
    buckets = Buckets((1, 2.5))
    for value in (0.5, 1.0, 2.0, 7.0):
        buckets.add(value)
    assert buckets.cumulative() == [("1.0", 2), ("2.5", 3), ("+Inf", 4)]
    assert (buckets.count, buckets.total) == (4, 10.5)
    assert buckets.recent_quantile(0.5) == 1.5 and buckets.recent_quantile(1) == 7
    assert Buckets(TTFT_S).recent_quantile(0.5) is None
    assert one_two_five(100) == (1, 2, 5, 10, 20, 50, 100)


def test_what_waits_is_told_by_adapter_while_it_does():
    """The snapshot is the engine's own; here one is put in its place."""
    from pipeline.serve.metrics.collector import ServerCollector

    names = SimpleNamespace(base="tiny", folders={})
    held = Occupancy(0.0, 5, {"sql": 2, None: 1}, {"verse": 1, "sql": 1}, 0.25)
    engine = SimpleNamespace(inbox=SimpleNamespace(in_flight=6))
    service = SimpleNamespace(
        names=names,
        loop=SimpleNamespace(occupancy=held, engine=engine),
        model=SimpleNamespace(max_batch_size=8),
        desk=SimpleNamespace(traffic=Traffic(10, AdapterTotals("tiny", 2))),
    )
    found = {f.name: f.samples for f in ServerCollector(service).collect()}
    assert found["vllm:num_requests_running"][0].value == 3
    assert found["vllm:num_requests_waiting"][0].value == 3
    assert found["vllm:kv_cache_usage_perc"][0].value == 0.25
    assert found["vllm:lora_requests_info"][0].labels == {
        "running_lora_adapters": "sql",
        "waiting_lora_adapters": "verse,sql",
        "max_lora": "8",
    }


def test_of_an_engine_that_cant_tell_nothing_is_told_of_adapters_in_memory():
    totals = AdapterTotals("tiny", 2)
    unknown, known = (
        {each.name for each in adapter_families(held, totals, {})}
        for held in (Occupancy(0.0, 0), Occupancy(0.0, 0, adapter_counts=AdapterCounts()))
    )
    assert not [name for name in unknown if name.startswith("multilora:adapters")]
    assert {"multilora:adapters", "multilora:adapters_loads"} <= known
