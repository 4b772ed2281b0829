"""Adapters that are slow to load hold up nobody who runs: a token from every step."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.scheduler import PagedScheduler, QueuePolicy
from pipeline.engines.paged.sequence import PagedSequence
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams
from tests.engines.conftest import ManualExecutor
from tests.engines.paged.conftest import admit

ADAPTERS, ROOM, LOADED = "abcdefgh", 3, "abc"
"""Those served, how many of them find room together, and those in memory at the beginning."""
PREFILL = 4

arrivals = st.tuples(st.sampled_from([None, *ADAPTERS]), st.integers(1, 9), st.integers(1, 12))
"""Adapter, prompt tokens and new tokens of a request."""


@given(
    policy=st.sampled_from(QueuePolicy),
    places=st.integers(1, 4),
    happens=st.lists(
        st.lists(arrivals, min_size=1, max_size=4) | st.just("step") | st.just("a load ends"),
        max_size=60,
    ),
)
def test_whoever_runs_gets_a_token_from_every_step(policy, places, happens):
    """Loads end when the example says so, which may be never; there are blocks for everyone."""
    executor, registry = ManualExecutor(), AdapterRegistry({name: name for name in ADAPTERS})
    adapters = AdapterCache(registry, str.upper, lambda _: 1, ROOM, executor)
    adapters.preload(LOADED)
    scheduler = PagedScheduler(
        BlockTables(BlockAllocator(1000, 4)),
        adapters,
        max_batch_size=places,
        prefill_tokens=PREFILL,
        policy=policy,
        patience=2,
    )
    asked = 0
    for event in happens:
        if event == "step":
            _step(scheduler)
        elif event == "a load ends":
            if executor.pending:
                executor.run()
            adapters.collect()
        else:
            for adapter, prompt, new in event:
                ids = tuple(range(prompt))
                sampling = SamplingParams(max_new_tokens=new, ignore_eos=True)
                request = Request(asked, adapter, None, ids, sampling)
                scheduler.add(PagedSequence(request, list(ids)))
                asked += 1
    running = list(scheduler.running)
    steps = sum(each.pending + each.request.max_new_tokens for each in running)
    for _ in range(steps):  # No load ends any more.
        _step(scheduler)
    assert not {*running} & {*scheduler.running}


def _step(scheduler):
    """Of an engine that always says 9: who ran before gets a token, whoever joins or waits."""
    ran = [each for each in scheduler.running if each.output]
    admit(scheduler)
    plan = scheduler.plan()
    given = [chunk.sequence for chunk in plan if chunk.yields]
    assert {*ran} <= {*given}
    assert sum(chunk.count for chunk in plan if not chunk.is_decode) <= PREFILL
    scheduler.advance(plan)
    for sequence in given:
        sequence.output.append(9)
        if len(sequence.output) == sequence.request.max_new_tokens:
            scheduler.drop(sequence)
