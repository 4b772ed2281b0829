"""The scheduler against a simple model, under whatever comes and goes."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.prefix_cache import PrefixCache
from pipeline.engines.paged.scheduler import PagedScheduler, QueuePolicy
from pipeline.engines.paged.sequence import PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from tests.engines.conftest import ManualExecutor
from tests.engines.paged.conftest import admit

SIZES = {"a": 1, "b": 2, "c": 3, "d": 1, "e": 2, "f": 4}
VOCABULARY = 97


def next_token(tokens):
    """A model: its answer depends on every token before, and on their order."""
    value = 0
    for token in tokens:
        value = (value * 31 + token + 1) % VOCABULARY
    return value


def alone(request):
    """What the request is answered when it is served by itself."""
    tokens = list(request.prompt_ids)
    for _ in range(request.max_new_tokens):
        tokens.append(next_token(tokens))
    return tokens[len(request.prompt_ids) :]


requests = st.tuples(
    st.sampled_from(["a", "a", "a", None, *SIZES]),
    st.sampled_from([1, 3, 4, 5, 8, 9]).map(lambda length: [1] * length)
    | st.lists(st.sampled_from([1, 2]), min_size=1, max_size=9),
    st.sampled_from([1, 5, 7]),
)
"""Adapter, prompt and new tokens; prompts begin alike, in a pool that holds few of them."""


class Serving(RuleBasedStateMachine):
    """Random arrivals, cancellations, loads that end late or fail, evictions and preemptions.

    The pool holds at each place whose token it is and all tokens up to it, as keys and values do.
    """

    @initialize(
        policy=st.sampled_from(QueuePolicy),
        patience=st.integers(0, 4),
        batch=st.sampled_from([1, 3, 4, 5]),
        prefill=st.integers(1, 9),
        blocks=st.integers(8, 14),
        budget=st.integers(4, 8) | st.none(),
        tables=st.sampled_from([BlockTables, PrefixCache]),
        loaded=st.sampled_from([True, True, False]),
    )
    def begin(self, policy, patience, batch, prefill, blocks, budget, tables, loaded):
        self.executor, self.budget, self.policy, self.patience = (
            ManualExecutor(),
            budget,
            policy,
            patience,
        )
        self.kv, self.batch, self.prefill = BlockAllocator(blocks, 2), batch, prefill
        self.tables = tables(self.kv)
        registry = AdapterRegistry({name: name for name in SIZES})
        self.adapters = AdapterCache(registry, str.upper, SIZES.__getitem__, budget, self.executor)
        self.adapters.preload(SIZES if loaded else ())
        self.scheduler = PagedScheduler(
            self.tables,
            self.adapters,
            max_batch_size=batch,
            prefill_tokens=prefill,
            policy=policy,
            patience=patience,
        )
        self.asked, self.answered, self.pool, self.ended = {}, {}, {}, Counter()

    @rule(asked=st.lists(requests, min_size=1, max_size=6))
    def arrive(self, asked):
        for adapter, prompt, new in asked:
            request = Request(
                len(self.asked),
                adapter,
                "",
                tuple(prompt),
                SamplingParams(max_new_tokens=new, ignore_eos=True),
            )
            self.asked[request.id] = request
            self.scheduler.add(PagedSequence(request, prompt))

    @rule(name=st.sampled_from("aaab"))
    def another_adapter_comes_under_a_name(self, name):
        self.adapters.registry.add(name, name)
        self.adapters.collect()

    @rule()
    def what_is_kept_is_forgotten(self):
        self.tables.forget()

    @rule(steps=st.sampled_from([1, 4, 8]))
    def run(self, steps):
        for _ in range(steps):
            self.step()
            self.what_counts_as_computed_is_there()

    def step(self):
        """One step of an engine whose model is `next_token`."""
        self._admit()
        oldest = self.scheduler.running[:1]
        plan = self.scheduler.plan()
        assert oldest == [chunk.sequence for chunk in plan if chunk.sequence in oldest]
        assert sum(chunk.count for chunk in plan if not chunk.is_decode) <= self.prefill
        assert Counter(chunk.sequence for chunk in plan if chunk.is_decode) == Counter(
            each for each in self.scheduler.running if each.output and each.pending == 1
        )
        assert all(chunk.count for chunk in plan)
        given = {chunk.sequence: self._compute(chunk) for chunk in plan if chunk.yields}
        for chunk in plan:
            if not chunk.yields:
                self._compute(chunk)
        self.scheduler.advance(plan)
        for sequence, token in given.items():
            sequence.output.append(token)
            if len(sequence.output) == sequence.request.max_new_tokens:
                self.scheduler.drop(sequence)
                self._end(sequence)
                self.answered[sequence.id] = sequence.output

    @precondition(lambda self: self.executor.pending)
    @rule(data=st.data(), broken=st.sampled_from([False, False, False, True]))
    def a_load_ends(self, data, broken):
        index = data.draw(st.integers(0, len(self.executor.pending) - 1))
        if broken:
            future, _, _ = self.executor.pending.pop(index)
            (adapter,) = [e for e, load in self.adapters._loading.items() if load is future]
            future.set_exception(OSError("gone"))
            assert self.adapters.collect() == {adapter: "gone"}
            for sequence in [e for e in self.scheduler.waiting if e.lease.adapter is adapter]:
                self.scheduler.drop(sequence)
                self._end(sequence)
        else:
            self.executor.run(index)
            assert self.adapters.collect() == {}

    @precondition(lambda self: self.scheduler.waiting or self.scheduler.running)
    @rule(data=st.data())
    def cancel(self, data):
        open_ = self.scheduler.waiting + self.scheduler.running
        sequence = data.draw(st.sampled_from(open_))
        self.scheduler.drop(sequence)
        self._end(sequence)

    @invariant()
    def every_block_is_held_for_somebody_or_kept_or_free(self):
        held = [block for each in self.scheduler.running for block in each.blocks]
        kept = self.tables.free - self.kv.free
        assert len(set(held)) + kept == self.kv.blocks - self.kv.free
        own = Counter(
            block
            for each in self.scheduler.running
            for block in each.blocks[each.cached.depth if each.cached else 0 :]
        )
        assert all(held.count(block) == 1 for block in own)
        assert all(each.blocks == () for each in self.scheduler.waiting)
        late = [not each.preempted for each in self.scheduler.waiting]
        assert late == sorted(late)
        for each in self.scheduler.running:
            assert len(each.blocks) * self.kv.block_size >= each.computed

    @invariant()
    def what_counts_as_computed_is_there(self):
        for each in self.scheduler.running:
            known = each.prompt + each.output
            assert each.computed < len(known)
            for place in range(each.computed):
                assert self._at(each, place) == (each.lease.adapter, known[: place + 1])

    @invariant()
    def the_budget_holds_and_what_runs_has_its_adapter(self):
        assert self.budget is None or self.adapters.used <= self.budget
        for each in self.scheduler.running:
            assert self.adapters.holds(each.lease.adapter)
            assert each.weights == (each.adapter and each.adapter.upper())
        assert len(self.scheduler.running) <= self.batch

    @invariant()
    def everyone_is_somewhere_exactly_once(self):
        here = Counter(each.id for each in self.scheduler.waiting + self.scheduler.running)
        assert here + self.ended == Counter(self.asked.keys())

    def teardown(self):
        """Without new arrivals everything comes to its end, and with the right tokens."""
        if not hasattr(self, "asked"):
            return
        work = sum(len(each.prompt_ids) + each.max_new_tokens for each in self.asked.values())
        for _ in range(2 * work + 2 * len(self.asked) + 1):
            while self.executor.pending:
                self.executor.run()
            self.adapters.collect()
            self.step()
        assert not self.scheduler.waiting
        assert not self.scheduler.running
        assert not any(each.pins or each.leases for each in self.adapters._resident)
        assert self.tables.free == self.kv.blocks
        self.tables.forget()
        assert self.kv.free == self.kv.blocks
        assert self.tables.cached_tokens <= self.tables.prompt_tokens
        for id_, output in self.answered.items():
            assert output == alone(self.asked[id_])

    def _end(self, sequence):
        self.ended[sequence.id] += 1

    def _at(self, sequence, place):
        block, offset = divmod(place, self.kv.block_size)
        return self.pool[sequence.blocks[block], offset]

    def _compute(self, chunk):
        """Writes what the chunk's tokens come to; the next token, if it yields one."""
        sequence, size = chunk.sequence, self.kv.block_size
        seen = [self._at(sequence, place)[1][-1] for place in range(sequence.computed)]
        shared = sequence.cached.depth * size if sequence.cached else 0
        for token in sequence.next_tokens(chunk.count):
            block, offset = divmod(len(seen), size)
            assert len(seen) >= shared
            seen.append(token)
            self.pool[sequence.blocks[block], offset] = sequence.lease.adapter, [*seen]
        return next_token(seen)

    def _admit(self):
        queue = list(self.scheduler.waiting)
        patient = {each for each in queue if each.overtaken < self.patience}
        held = {each for each in queue if self.adapters.holds(each.lease.adapter)}
        admitted = admit(self.scheduler)
        loading = {*self.adapters._loading}
        absent = {
            each
            for each in self.scheduler.waiting
            if not self.adapters.holds(each.lease.adapter) and each.lease.adapter not in loading
        }
        for later in admitted:
            if later.adapter is None and absent.intersection(queue[: queue.index(later)]):
                continue
            for earlier in queue[: queue.index(later)]:
                if earlier in admitted or earlier.lease.adapter in loading:
                    continue
                assert self.policy is not QueuePolicy.FCFS
                if self.policy is QueuePolicy.FAIR:
                    assert later.preempted or not earlier.preempted
                    assert later.adapter != earlier.adapter or later.preempted
                    continue
                assert later not in patient or (earlier in patient and earlier not in held)


Serving.TestCase.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
TestServing = Serving.TestCase
