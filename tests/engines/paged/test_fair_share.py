"""However many requests an adapter has, the others get as much as it."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.fair_share import OUTPUT, PROMPT
from pipeline.engines.paged.scheduler import PagedScheduler, QueuePolicy
from pipeline.engines.paged.sequence import PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from pipeline.metrics.fairness import jain
from tests.engines.conftest import ManualExecutor
from tests.engines.paged.conftest import admit

NAMES = ("hot", "b", "c", "d")
PLACES = 4


class Server:
    """A scheduler whose model gives a token at once; all adapters are in memory."""

    def __init__(self, policy, cost=lambda _: 1.0, places=PLACES, names=NAMES):
        adapters = AdapterCache(
            AdapterRegistry({name: name for name in names}), str, len, None, ManualExecutor()
        )
        adapters.preload(names)
        self.scheduler = PagedScheduler(
            BlockTables(BlockAllocator(4096, 4)),
            adapters,
            max_batch_size=places,
            prefill_tokens=64,
            policy=policy,
            cost=cost,
        )
        self.asked, self.served, self.ended, self.steps = 0, Counter(), [], 0

    def send(self, name, count=1, prompt=8, new=8):
        for _ in range(count):
            params = SamplingParams(max_new_tokens=new, ignore_eos=True)
            request = Request(self.asked, name, "", tuple(range(prompt)), params)
            self.asked += 1
            self.scheduler.add(PagedSequence(request, [*range(prompt)]))

    def step(self):
        admit(self.scheduler)
        step = self.scheduler.plan()
        yielding = [chunk.sequence for chunk in step if chunk.yields]
        for chunk in step:
            if not chunk.is_decode:
                self.served[chunk.sequence.adapter] += PROMPT * chunk.count
        self.scheduler.advance(step)
        self.steps += 1
        for each in yielding:
            each.output.append(9)
            self.served[each.adapter] += OUTPUT
            if len(each.output) == each.request.max_new_tokens:
                self.scheduler.drop(each)
                self.ended.append((each.adapter, self.steps))

    def waits(self, name):
        return any(each.adapter == name for each in self.scheduler.waiting)


def when_the_others_have_ended(policy):
    """Of a server whom one adapter has kept busy before three others came."""
    server = Server(policy)
    server.send("hot", 60)
    server.step()
    before = server.served.copy()
    for name in NAMES[1:]:
        server.send(name, 4)
    while any(server.waits(name) for name in NAMES[1:]):
        server.step()
    return server, server.served - before


def test_a_popular_adapter_holds_up_nobody():
    fair, shares = when_the_others_have_ended(QueuePolicy.FAIR)
    assert jain([shares[name] for name in NAMES]) > 0.95
    fcfs, unfair = when_the_others_have_ended(QueuePolicy.FCFS)
    assert jain([unfair[name] for name in NAMES]) < 0.5
    assert fcfs.steps > 3 * fair.steps


def test_nothing_stands_idle_for_the_sake_of_fairness():
    steps = {}
    for policy in (QueuePolicy.FAIR, QueuePolicy.FCFS):
        server = Server(policy)
        server.send("hot", 20)
        server.send("b", 2)
        while server.scheduler.open:
            server.step()
        steps[policy] = server.steps
    assert len({*steps.values()}) == 1


def test_of_one_adapter_whoever_came_first_is_first():
    server = Server(QueuePolicy.FAIR, places=1)
    server.send("hot", 2, new=1)
    server.send("b", 2, new=1)
    order = []
    while server.scheduler.open:
        order += [each.id for each in admit(server.scheduler)]
        server.step()
        order += [each.id for each in server.scheduler.running if each.id not in order]
    assert order == [0, 2, 1, 3]


def test_a_large_adapter_uses_its_share_up_with_fewer_tokens():
    server = Server(QueuePolicy.FAIR, cost=lambda each: 3.0 if each.name == "b" else 1.0)
    for name in ("hot", "b"):
        server.send(name, 200)
    while server.waits("hot") and server.waits("b") and server.steps < 150:
        server.step()
    assert server.served["hot"] / server.served["b"] == pytest.approx(3, rel=0.1)


def test_who_was_away_saves_nothing_up_and_the_base_model_is_one_of_them():
    server = Server(QueuePolicy.FAIR)
    server.send("hot", 200)
    for _ in range(50):
        server.step()
    server.send(None, 200)
    before = server.served.copy()
    for _ in range(50):
        server.step()
    gained = server.served - before
    assert jain([gained["hot"], gained[None]]) > 0.98


def test_when_all_have_gone_the_past_is_forgotten():
    server = Server(QueuePolicy.FAIR)
    server.send("hot", 10)
    while server.scheduler.open:
        server.step()
    assert not server.scheduler._order._served


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.integers(1, 20), st.integers(1, 10)),
        min_size=40,
        max_size=80,
    )
)
def test_those_that_wait_all_the_time_differ_by_no_more_than_what_runs_at_once(asked):
    """The bound of the paper's theorem: twice the most that one batch can come to."""
    server = Server(QueuePolicy.FAIR)
    for name, prompt, new in asked:
        server.send(name, 1, prompt, new)
    bound = 2 * PLACES * (PROMPT * 20 + OUTPUT * 10)
    backlogged = {name for name, *_ in asked}
    while server.scheduler.open:
        server.step()
        backlogged = {name for name in backlogged if server.waits(name)}
        shares = [server.served[name] for name in backlogged]
        if len(shares) > 1:
            assert max(shares) - min(shares) <= bound
