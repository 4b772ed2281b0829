"""The engine's own scheduler and adapter memory, under a clock that is turned on step by step."""

from collections import defaultdict
from concurrent.futures import Executor, Future
from math import inf

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.scheduler import PagedScheduler
from pipeline.engines.paged.sequence import PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams


class ClockedLoader(Executor):
    """One load after another, each done when the clock says so."""

    def __init__(self, load_s):
        self.load_s, self.now, self.free = load_s, 0.0, 0.0
        self.under_way = []

    def submit(self, fn, /, *arguments):
        self.free = max(self.free, self.now) + self.load_s
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
    """The engine's loop with a clock that is turned on by what each step takes.

    Attributes:
        admitted: when each request was.
        tokens: a stamp a token, by request.
        loads: how many adapters were loaded after the beginning.
    """

    def __init__(self, times, ranks, limits, demand):
        self.law, self.ranks, self.demand = times.law, ranks, demand
        self.loader = ClockedLoader(times.load_s)
        registry = AdapterRegistry({str(n): n for n in range(len(ranks))})
        self.cache = AdapterCache(
            registry, lambda n: n, lambda n: ranks[n], limits.adapter_ranks, self.loader
        )
        self.cache.preload(registry)
        self._preloaded = self.cache.counts.loads
        self.scheduler = PagedScheduler(
            BlockTables(BlockAllocator(10_000, 16)),
            self.cache,
            max_batch_size=limits.max_batch_size,
            prefill_tokens=limits.prefill_tokens,
        )
        self.admitted, self.tokens = {}, defaultdict(list)

    @property
    def loads(self):
        return self.cache.counts.loads - self._preloaded

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
                self.admitted |= {each.id: now for each in group}
            if plan := self.scheduler.plan():
                now = self._step(plan, now)
            else:
                comes = self.demand.arrives[waiting[0]] if waiting else inf
                now = min(comes, self.loader.landing)
        stamps = [self.tokens[k] for k in range(len(self.demand.arrives))]
        return [each[0] for each in stamps], [each[-1] for each in stamps]

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
        now += self.law.seconds(decodes, read, len(used), sum(used), max(used))
        gave = [each.sequence for each in plan if each.yields]
        self.scheduler.advance(plan)
        for sequence in gave:
            sequence.output.append(1)
            self.tokens[sequence.id].append(now)
            if len(sequence.output) == sequence.request.max_new_tokens:
                self.scheduler.drop(sequence)
        return now
