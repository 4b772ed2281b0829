"""The simulated replica and the engine's own scheduler, under one clock, stamp for stamp."""

from concurrent.futures import Executor, Future
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.multilora.block_tables import BlockTables
from pipeline.engines.multilora.kv_cache import BlockAllocator
from pipeline.engines.multilora.scheduler import PagedScheduler
from pipeline.engines.multilora.sequence import PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.metrics.step_law import StepLaw
from pipeline.simulate.demand import Demand
from pipeline.simulate.fleet import ReplicaModel, serve
from pipeline.simulate.replica import ReplicaSettings
from pipeline.simulate.routing.least_loaded import LeastLoaded
from pipeline.simulate.routing.routing import Fleet
from pipeline.simulate.steps.source import EngineTimes

LAW = StepLaw(step_s=1.0, decode_s=0.25, prefill_s=0.125, adapter_s=0.5, rank_s=0.0625)
LOAD_S = 2.125


class ClockedLoader(Executor):
    """One load after another, each done when the clock says so."""

    def __init__(self):
        self.now = self.free = 0.0
        self.under_way = []

    def submit(self, fn, /, *arguments):
        self.free = max(self.free, self.now) + LOAD_S
        future = Future()
        self.under_way.append((self.free, future, fn, arguments))
        return future

    def reach(self, now):
        self.now = now
        while self.under_way and self.under_way[0][0] <= now:
            _, future, fn, arguments = self.under_way.pop(0)
            future.set_result(fn(*arguments))

    @property
    def landing(self):
        return self.under_way[0][0] if self.under_way else inf


class ClockedEngine:
    """The engine's loop with a clock that is turned on by what each step takes."""

    def __init__(self, ranks, limits, demand):
        self.ranks, self.demand, self.loader = ranks, demand, ClockedLoader()
        registry = AdapterRegistry({str(n): n for n in range(len(ranks))})
        self.cache = AdapterCache(
            registry, lambda n: n, lambda n: ranks[n], limits.adapter_ranks, self.loader
        )
        self.cache.preload(registry)
        self.scheduler = PagedScheduler(
            BlockTables(BlockAllocator(10_000, 16)),
            self.cache,
            max_batch_size=limits.max_batch_size,
            prefill_tokens=limits.prefill_tokens,
        )
        self.first, self.finished = {}, {}

    def run(self):
        """Serve all; stamps of the first tokens, and of the last."""
        waiting, now = [*range(len(self.demand.arrives))], 0.0
        while waiting or self.scheduler.open:
            while waiting and self.demand.arrives[waiting[0]] <= now:
                self._add(waiting.pop(0))
            self.loader.reach(now)
            self.cache.collect()
            for group in self.scheduler.joining():
                self.scheduler.start(group)
            if plan := self.scheduler.plan():
                now = self._step(plan, now)
            else:
                comes = self.demand.arrives[waiting[0]] if waiting else inf
                now = min(comes, self.loader.landing)
        keys = range(len(self.demand.arrives))
        return [self.first[k] for k in keys], [self.finished[k] for k in keys]

    def _add(self, number):
        sampling = SamplingParams(max_new_tokens=int(self.demand.outputs[number]), ignore_eos=True)
        prompt = [1] * int(self.demand.prompts[number])
        adapter = str(self.demand.adapters[number])
        request = Request(number, adapter, None, tuple(prompt), sampling)
        self.scheduler.add(PagedSequence(request, prompt))

    def _step(self, plan, now):
        used = [self.ranks[int(name)] for name in {each.sequence.adapter for each in plan}]
        read = sum(each.count for each in plan if not each.is_decode)
        decodes = sum(each.is_decode for each in plan)
        now += LAW.seconds(decodes, read, len(used), sum(used), max(used))
        gave = [each.sequence for each in plan if each.yields]
        self.scheduler.advance(plan)
        for sequence in gave:
            sequence.output.append(1)
            self.first.setdefault(sequence.id, now)
            if len(sequence.output) == sequence.request.max_new_tokens:
                self.finished[sequence.id] = now
                self.scheduler.drop(sequence)
        return now


@st.composite
def cases(draw):
    """Requests at times of their own, so that nothing hangs on who is first of two at once."""
    adapters = draw(st.integers(1, 5))
    ranks = draw(st.lists(st.sampled_from([8, 16, 32]), min_size=adapters, max_size=adapters))
    whole = st.integers(1, 12)
    rows = st.tuples(st.integers(0, 60), st.integers(0, adapters - 1), whole, whole)
    asked = draw(st.lists(rows, min_size=1, max_size=25))
    gaps, who, prompts, outputs = (np.array(each) for each in zip(*asked, strict=True))
    arrives = np.cumsum(gaps) / 7 + np.arange(len(gaps)) * 1e-3 + 1e-4
    limits = ReplicaSettings(
        max_batch_size=draw(st.integers(1, 4)),
        prefill_tokens=draw(st.integers(4, 40)),
        adapter_ranks=draw(st.sampled_from([None, 32, 48, 64])),
    )
    return ranks, limits, Demand(arrives, who, prompts, outputs)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_stamp_for_stamp(case):
    ranks, limits, demand = case
    first, finished = ClockedEngine(ranks, limits, demand).run()
    model = ReplicaModel(limits, EngineTimes(LAW, LOAD_S, ""), np.array(ranks))
    router = LeastLoaded(name="x").router(Fleet(1, model.ranks), np.random.default_rng(0))
    answered = serve(demand, 1, model, router)
    assert answered.stamps.first == pytest.approx(first)
    assert answered.stamps.finished == pytest.approx(finished)
