"""The engines against each other, on the embedded model."""

import pytest
import torch

from pipeline.stages.build import build
from pipeline.stages.replay import Replay

ENGINES = ("peft_hotswap", "peft_mixed", "merged", "llama_cpp", "multilora")
EXACT = {"llama_cpp": ("engine.precision=f32", "threads=1")}
SETUP = ("workload.iterations=2", "workload.max_new_tokens=12", "workload/popularity=distinct")
NEAR_TIE = 1e-3


def chosen(engine):
    return (f"engine={engine}", *EXACT.get(engine, ()))


@pytest.fixture
def served(config, prepared):
    def serve(*overrides):
        settings, ready = config(*overrides), prepared(*overrides)
        with build(settings, ready) as built:
            results = [
                Replay(built.engine, batch, ready.trace.max_in_flight).run(index)
                for index, batch in enumerate(ready.trace.iterations)
            ]
        return ready, results

    return serve


def tokens(results):
    return {row.id: row.output_ids for _, rows in results for row in rows}


def test_all_engines_give_the_same_tokens_but_for_near_ties(served):
    ready, reference = served(*SETUP, "engine=merged")
    expected = tokens(reference)
    for engine in set(ENGINES) - {"merged"}:
        _, results = served(*SETUP, *chosen(engine))
        for id_, ids in tokens(results).items():
            if ids != expected[id_]:
                assert gap_at_difference(ready, id_, ids, expected[id_]) < NEAR_TIE


def gap_at_difference(ready, id_, one, other):
    from transformers import AutoModelForCausalLM

    from pipeline.engines.transformers.lora_delta import FoldedWeights, read_factors

    at = next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    request = ready.trace.requests[id_]
    model = AutoModelForCausalLM.from_pretrained(ready.checkpoint.folder, dtype=torch.float32)
    adapter = next(each for each in ready.adapters if each.name == request.adapter)
    FoldedWeights(model).fold(read_factors(adapter))
    ids = torch.tensor([[*request.prompt_ids, *one[:at]]])
    with torch.inference_mode():
        logits = model(input_ids=ids).logits[0, -1]
    return abs(logits[one[at]] - logits[other[at]]).item()


@pytest.mark.parametrize("engine", ENGINES)
def test_each_adapter_writes_otherwise_than_the_base(engine, config, prepared):
    from dataclasses import replace

    overrides = (*SETUP, *chosen(engine), "workload.iterations=1")
    settings, ready = config(*overrides), prepared(*overrides)
    with build(settings, ready) as built:
        batch = ready.trace.iterations[0]
        _, with_adapters = Replay(built.engine, batch, None).run(0)
        _, bare = Replay(built.engine, [replace(each, adapter=None) for each in batch], None).run(0)
    base = {row.id: row.output_ids for row in bare}
    assert all(row.output_ids != base[row.id] for row in with_adapters)


@pytest.mark.parametrize("engine", ENGINES)
def test_stamps_are_in_order_and_stages_add_up(engine, served):
    _, results = served(*SETUP, *chosen(engine))
    for iteration, rows in results:
        assert sum(iteration.stage_seconds.values()) == pytest.approx(iteration.wall_s, rel=0.01)
        for row in rows:
            assert len(row.tokens) == len(row.output_ids) == 12
            stamps = [row.scheduled, row.submitted, row.admitted, *row.tokens, row.finished]
            assert stamps == sorted(stamps)


def test_few_resident_adapters_are_loaded_and_evicted(served):
    _, results = served(*SETUP, "engine=peft_hotswap", "engine.resident_adapters=3")
    counts = results[-1][0].adapters
    assert counts.loads >= 5
    assert counts.evictions == counts.loads
    assert counts.hits < counts.lookups == 8


def test_the_policy_decides_how_often_adapters_switch(served):
    setup = (
        "engine=peft_hotswap",
        "workload.iterations=1",
        "workload.max_new_tokens=2",
        "workload.batch_size=16",
    )
    switches = {
        policy: served(*setup, f"engine.policy={policy}")[1][0][0].adapters.switches
        for policy in ("grouped", "fcfs")
    }
    assert switches["grouped"] < switches["fcfs"]


def test_sampling_is_repeatable_and_not_greedy(served):
    greedy = tokens(served(*SETUP)[1])
    drawn = [tokens(served(*SETUP, "sampling.do_sample=true")[1]) for _ in range(2)]
    assert drawn[0] == drawn[1] != greedy


CONTINUOUS = ("engine.policy=interleaved", "engine.precision=f32", "threads=1")


@pytest.mark.parametrize("engine", [(), ("engine=llama_cpp", *CONTINUOUS)], ids=str)
def test_concurrency_holds_requests_back(engine, served):
    ready, results = served(
        "workload/arrivals=concurrency",
        "workload.requests=12",
        "workload.max_new_tokens=4",
        *engine,
    )
    rows = results[0][1]
    assert len(rows) == 12
    assert ready.trace.max_in_flight == 4
    for row in rows:
        in_flight = [o for o in rows if o.scheduled <= row.scheduled < o.finished]
        assert len(in_flight) <= 4
