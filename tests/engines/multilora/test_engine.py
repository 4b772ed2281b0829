"""The engine on the embedded model: what comes out, and what happens around it."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from pipeline.engines.multilora.kv_cache import bytes_per_token
from pipeline.errors import UsageError
from pipeline.inference.events import Finished, Token
from pipeline.metrics.engine_steps import steps_in_gaps
from pipeline.stages.build import build
from pipeline.stages.replay import Replay

SMALL = ("engine=multilora", "engine.max_batch_size=8", "threads=1", "workload.iterations=1")
DISTINCT = (*SMALL, "workload/popularity=distinct", "workload.max_new_tokens=6")


@pytest.fixture
def serve(config, prepared):
    """An entered engine and its trace."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def entered(*overrides):
            ready = prepared(*overrides)
            return stack.enter_context(build(config(*overrides), ready)).engine, ready.trace

        yield entered


def run(engine, requests, limit=None):
    """The records, by request."""
    iteration, rows = Replay(engine, requests, limit).run(0)
    return iteration, {row.id: row for row in rows}


def drain(engine):
    events = []
    while engine.busy:
        events += engine.step()
    return events


def outputs(events):
    tokens = {}
    for event in events:
        if isinstance(event, Token):
            tokens.setdefault(event.request_id, []).append(event.token_id)
    return tokens


def mixed(trace, spare=1):
    """The requests of a batch, the last of them without an adapter and of other lengths."""
    batch = trace.iterations[0]
    return [
        *batch[:-spare],
        *(replace(each, adapter=None, max_new_tokens=3 + each.id) for each in batch[-spare:]),
    ]


@pytest.mark.parametrize(
    "arithmetic",
    [
        "precision=fp32",
        "precision=int8 activations=int8",
        "precision=int8 activations=int16",
        "precision=int4",
    ],
)
def test_a_request_gets_the_same_tokens_alone_as_in_any_batch(arithmetic, serve):
    overrides = [f"engine.{each}" for each in arithmetic.split()]
    engine, trace = serve(*DISTINCT, *overrides, "engine.prefill_tokens=37")
    batch = mixed(trace, spare=2)
    _, together = run(engine, batch)
    assert all(len(together[each.id].output_ids) == each.max_new_tokens for each in batch)
    for request in batch[::3]:
        _, alone = run(engine, [request])
        assert alone[request.id].output_ids == together[request.id].output_ids
        assert alone[request.id].text == together[request.id].text


def test_arrivals_join_what_runs(serve):
    engine, trace = serve(*DISTINCT, "engine.prefill_tokens=16")
    batch = mixed(trace)
    _, at_once = run(engine, batch)
    events, late = [], list(batch)
    while engine.busy or late:
        if late:
            engine.submit(late.pop(0).to_inference())
        events += engine.step()
    assert {id_: tuple(ids) for id_, ids in outputs(events).items()} == {
        id_: row.output_ids for id_, row in at_once.items()
    }


def test_concurrency_and_fewer_places_than_requests(serve):
    engine, trace = serve(*DISTINCT, "engine.max_batch_size=3", "engine.kv_tokens=320")
    _, rows = run(engine, trace.iterations[0], limit=5)
    assert len(rows) == 8
    assert not any(row.error for row in rows.values())
    admitted = sorted(rows.values(), key=lambda row: row.admitted)
    for row in admitted:
        running = [o for o in admitted if o.admitted <= row.admitted < o.finished]
        assert len(running) <= 3


@pytest.mark.parametrize("policy", ["fcfs", "adapter_aware", "fair"])
def test_a_small_budget_loads_and_evicts_and_changes_no_token(policy, serve):
    engine, trace = serve(*DISTINCT)
    _, wide = run(engine, trace.iterations[0])
    largest = max(each.source.plan.bytes for each in engine.adapters.values())
    budget = f"engine.adapter_memory_mb={2 * largest / 1e6}"
    engine, trace = serve(*DISTINCT, budget, f"engine.policy={policy}")
    iteration, narrow = run(engine, trace.iterations[0])
    assert {id_: row.output_ids for id_, row in narrow.items()} == {
        id_: row.output_ids for id_, row in wide.items()
    }
    counts = iteration.adapters
    assert counts.lookups == 8
    assert counts.loads == counts.evictions >= 5
    assert counts.hits == 8 - counts.loads
    assert counts.switches == 0


def test_whoever_runs_has_a_token_from_every_step_while_adapters_come_and_go(serve):
    engine, trace = serve(*DISTINCT)
    largest = max(each.source.plan.bytes for each in engine.adapters.values())
    budget = f"engine.adapter_memory_mb={3 * largest / 1e6}"
    engine, trace = serve(*DISTINCT, budget, "engine.prefill_tokens=16")
    iteration, rows = run(engine, [*trace.iterations[0]], limit=5)
    assert iteration.adapters.evictions
    gaps = steps_in_gaps(rows.values())
    assert gaps == [1] * (8 * 5)


def test_the_size_known_before_a_load_is_the_size_after(serve):
    for dtype in ("fp32", "fp16", "int8"):
        engine, _ = serve(*SMALL, f"engine.adapter_precision={dtype}")
        for adapter in engine.adapters.values():
            plan = adapter.source.plan
            assert plan.load(engine._decoder.kernels).bytes == plan.bytes


def test_cancelling_frees_blocks_and_pins(serve):
    engine, trace = serve(*DISTINCT, "engine.max_batch_size=2")
    first, second, third, *_ = trace.iterations[0]
    for request in (first, second, third):
        engine.submit(request.to_inference())
    events = engine.step()
    assert engine.cancel(first.id)
    assert engine.cancel(third.id)
    events += engine.step()
    engine.submit(first.to_inference())
    assert engine.cancel(first.id)
    events += drain(engine)
    ended = Counter((e.request_id, e.error) for e in events if isinstance(e, Finished))
    assert ended == {(first.id, "cancelled"): 2, (third.id, "cancelled"): 1, (second.id, None): 1}
    assert not engine.cancel(second.id)
    assert not engine.busy
    assert engine._blocks.free == engine._allocator.blocks
    assert outputs(events)[second.id] == list(run(engine, [second])[1][second.id].output_ids)


def test_impossible_requests_fail_alone_and_in_one_line(serve):
    engine, trace = serve(*DISTINCT, "engine.kv_tokens=200")
    good, *others = trace.iterations[0]
    bad = [
        replace(others[0], adapter="nobody"),
        replace(others[1], max_new_tokens=250),
        replace(others[2], max_new_tokens=99999),
        replace(others[3], max_new_tokens=0),
    ]
    _, rows = run(engine, [*bad, good])
    assert rows[good.id].error is None
    for request, said in zip(
        bad, ("nobody", "kv_tokens", "the model has", "no tokens"), strict=True
    ):
        assert said in rows[request.id].error
        assert "\n" not in rows[request.id].error


def test_an_adapter_that_cannot_be_read_fails_its_requests_only(serve, tmp_path):
    engine, trace = serve(*DISTINCT)
    name = trace.iterations[0][0].adapter
    adapter = engine.serving.adapters[name]
    gone = replace(adapter, lora=replace(adapter.lora, folder=tmp_path))
    engine.adapters.add(name, engine._source(gone))
    _, rows = run(engine, trace.iterations[0])
    failed = [row for row in rows.values() if row.error]
    assert [row.adapter for row in failed] == [name]
    assert f"adapter {name} can't be loaded" in failed[0].error


def test_others_decode_while_an_adapter_loads(serve):
    engine, trace = serve(*DISTINCT)
    slow, *others = trace.iterations[0][:3]
    gate, load = Event(), engine.cache._load
    del engine.cache._resident[engine.adapters[slow.adapter]]
    engine.cache._load = lambda file: gate.wait(600) and load(file)
    for request in (slow, *others):
        engine.submit(request.to_inference())
    events = []
    while len([event for event in events if isinstance(event, Finished)]) < 2:
        events += engine.step()
    assert set(outputs(events)) == {other.id for other in others}
    gate.set()
    events += drain(engine)
    assert len(outputs(events)[slow.id]) == 6
    assert engine.adapter_counts.hits == 2


def test_a_load_delays_nobody_who_doesnt_need_it_nor_the_thread_that_steps(serve):
    """Not even where no more are looked at than the one that waits for it."""
    engine, trace = serve(*DISTINCT, "engine.max_batch_size=1")
    slow, other, base = trace.iterations[0][:3]
    gate, load = Event(), engine.cache._load
    del engine.cache._resident[engine.adapters[slow.adapter]]
    engine.cache._load = lambda file: gate.wait(600) and load(file)
    engine.submit(slow.to_inference())
    assert [engine.step(), engine.step()] == [[], []]
    assert not engine.wait(0)
    for request in (other, replace(base, adapter=None)):
        engine.submit(request.to_inference())
    events = []
    while engine.inbox.in_flight > 1:
        events += engine.step()
    assert set(outputs(events)) == {other.id, base.id}
    while engine.wait(0):
        assert engine.step() == []
    gate.set()
    assert engine.wait(600)
    assert len(outputs(drain(engine))[slow.id]) == 6


def test_waiting_for_an_adapter_is_booked_as_loading_only_if_nothing_runs(serve, monkeypatch):
    engine, trace = serve(*DISTINCT)
    engine.cache._resident.clear()
    load, waited = engine.cache._load, Event()
    wait = engine.wait
    with monkeypatch.context() as patch:
        patch.setattr(engine.cache, "_load", lambda source: waited.wait(600) and load(source))
        patch.setattr(engine, "wait", lambda *seconds: waited.set() or wait(*seconds))
        iteration, _ = run(engine, trace.iterations[0][:1])
    assert iteration.stage_seconds["adapter_load"] > 0
    iteration, _ = run(engine, trace.iterations[0][:1])
    assert iteration.stage_seconds["adapter_load"] == 0


def test_a_step_that_fails_ends_its_requests_not_the_engine(serve, monkeypatch):
    engine, trace = serve(*DISTINCT)
    first, second, *_ = trace.iterations[0]
    with monkeypatch.context() as patch:
        patch.setattr(engine._sampler, "sample", lambda *_: 1 / 0)
        _, rows = run(engine, [first, second])
    assert {row.error for row in rows.values()} == {"ZeroDivisionError: division by zero"}
    assert not engine.busy
    assert run(engine, [first])[1][first.id].error is None


def test_too_small_a_budget_is_refused_before_anything_is_loaded(serve):
    with pytest.raises(UsageError, match=r"adapter_memory_mb=0.001: .* alone needs"):
        serve(*SMALL, "engine.adapter_memory_mb=0.001")


def test_unusual_adapters_are_refused_by_name(config, prepared):
    ready, settings = prepared(*SMALL), config(*SMALL)
    adapter = ready.adapters[0]
    tokens = {"trainable_token_indices": [3]}
    whole = replace(adapter, lora=replace(adapter.lora, config=tokens))
    said = rf"{adapter.name} \(trainable_token_indices\); use engine=peft_hotswap"
    with pytest.raises(UsageError, match=said):
        settings.engine.check(ready.checkpoint, {whole.name: whole})


def test_outputs_end_at_the_end_token_when_told(serve):
    engine, trace = serve(*DISTINCT)
    request = trace.iterations[0][0]
    row = run(engine, [request])[1][request.id]
    engine.intake.end_ids = frozenset({row.output_ids[2]})
    minding = replace(request, sampling=replace(request.sampling, ignore_eos=False))
    ended = run(engine, [minding])[1][request.id].output_ids
    assert ended == row.output_ids[: row.output_ids.index(row.output_ids[2]) + 1]
    engine, trace = serve(*DISTINCT, "sampling.ignore_eos=false")
    assert engine.intake.end_ids == {2}
    assert not trace.requests[0].sampling.ignore_eos


def test_draws_depend_on_seed_and_request_but_not_on_the_batch(serve):
    drawn = {}
    for seed in (0, 1):
        engine, trace = serve(*DISTINCT, "sampling.do_sample=true", f"sampling.seed={seed}")
        _, rows = run(engine, trace.iterations[0])
        drawn[seed] = [row.output_ids for _, row in sorted(rows.items())]
        alone = run(engine, trace.iterations[0][2:3])[1]
        assert [row.output_ids for row in alone.values()] == drawn[seed][2:3]
    assert drawn[0] != drawn[1]


def test_scores_are_those_that_chose_the_tokens(serve):
    engine, trace = serve(*DISTINCT)
    for request in mixed(trace)[-2:]:
        row = run(engine, [request])[1][request.id]
        scores = engine.score(request.adapter, request.prompt_ids, row.output_ids)
        assert scores.shape == (len(row.output_ids), 2048)
        np.testing.assert_allclose(np.exp(scores).sum(1), 1, atol=1e-4)
        assert tuple(scores.argmax(1)) == row.output_ids


def test_replaying_ids_alone_gives_no_text(serve):
    engine, trace = serve(*DISTINCT, "workload.text=false")
    (row,) = run(engine, trace.iterations[0][:1])[1].values()
    assert row.text is None
    assert len(row.output_ids) == 6


def test_neither_transformers_nor_peft_is_imported():
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pipeline.engines.multilora.engine;"
            "print({'transformers', 'peft'} & set(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "set()"


def test_memory_is_reported_by_what_holds_it(serve):
    engine, trace = serve(*DISTINCT, "engine.max_batch_size=2")
    assert engine.kv_bytes == 0
    assert engine.adapter_bytes == sum(each.source.plan.bytes for each in engine.adapters.values())
    first, *_ = trace.iterations[0]
    run(engine, [first])
    blocks = -(-(len(first.prompt_ids) + first.max_new_tokens - 1) // 16)
    shape = engine.serving.checkpoint.config
    assert engine.kv_bytes == blocks * 16 * bytes_per_token(shape, "fp32")
    assert engine.model_bytes > engine.weight_bytes > 0
