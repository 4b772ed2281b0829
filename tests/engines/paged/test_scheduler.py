import pytest

from pipeline.engines.batching.adapter_cache import AdapterCache
from pipeline.engines.batching.adapter_registry import AdapterRegistry
from pipeline.engines.paged.block_allocator import BlockAllocator
from pipeline.engines.paged.block_tables import BlockTables
from pipeline.engines.paged.scheduler import PagedScheduler, QueuePolicy
from tests.engines.paged.conftest import admit


@pytest.fixture
def scheduler_of(executor):
    """A scheduler whose adapters are of one byte each, and its adapters."""

    def make(budget=8, blocks=100, **settings):
        registry = AdapterRegistry({name: name for name in "ab"})
        adapters = AdapterCache(registry, str.upper, lambda name: 1, budget, executor)
        limits = {"max_batch_size": 4, "prefill_tokens": 8} | settings
        return PagedScheduler(BlockTables(BlockAllocator(blocks, 4)), adapters, **limits), adapters

    return make


def add(scheduler, *sequences):
    for sequence in sequences:
        scheduler.add(sequence)
    return sequences


def land(executor, adapters):
    while executor.pending:
        executor.run()
    adapters.collect()


def test_decodes_go_first_then_prompts_in_order_of_admission(scheduler_of, sequence_of):
    scheduler, _ = scheduler_of()
    first, second, third = add(scheduler, *(sequence_of(ids=range(length)) for length in (3, 6, 9)))
    admit(scheduler)
    first.computed, first.output = 3, [7]
    assert [(each.sequence, each.count) for each in scheduler.plan()] == [
        (first, 1),
        (second, 6),
        (third, 2),
    ]
    assert [each.is_decode for each in scheduler.plan()] == [True, False, False]
    assert [each.yields for each in scheduler.plan()] == [True, True, False]


def test_a_long_prompt_is_read_in_chunks(scheduler_of, sequence_of):
    scheduler, _ = scheduler_of()
    (sequence,) = add(scheduler, sequence_of(ids=range(20)))
    admit(scheduler)
    read = []
    while not sequence.output:
        (chunk,) = scheduler.plan()
        read += sequence.next_tokens(chunk.count)
        if chunk.yields:
            sequence.output.append(0)
        sequence.computed += chunk.count
    assert read == list(range(20))


def compute(scheduler):
    """A step of a model that always says 9; who took part."""
    step = scheduler.plan()
    yielding = [chunk.sequence for chunk in step if chunk.yields]
    scheduler.advance(step)
    for sequence in yielding:
        sequence.output.append(9)
    return [chunk.sequence for chunk in step]


def test_blocks_come_as_tokens_do(scheduler_of, sequence_of):
    scheduler, _ = scheduler_of(blocks=6)
    one, two = add(scheduler, sequence_of(new_tokens=9), sequence_of(new_tokens=9))
    assert admit(scheduler) == [one, two]
    taken = []
    for _ in range(7):
        compute(scheduler)
        taken.append((len(one.blocks), len(two.blocks)))
    assert taken == [(1, 1)] * 2 + [(2, 2)] * 4 + [(3, 3)]


def test_whoever_was_admitted_last_gives_way_and_comes_back_first(scheduler_of, sequence_of):
    scheduler, adapters = scheduler_of(blocks=5)
    adapters.preload("ab")
    one, two, new = add(scheduler, *(sequence_of(each, new_tokens=12) for each in ("a", "b", "a")))
    assert admit(scheduler) == [one, two, new]
    while not scheduler.preemptions:
        compute(scheduler)
    assert (scheduler.running, scheduler.waiting) == ([one, two], [new])
    assert new.preempted
    assert (new.blocks, new.computed, len(new.output)) == ((), 0, 2)
    assert new.weights is None
    scheduler.drop(one)
    assert admit(scheduler) == [new]
    assert new.next_tokens(new.pending) == [5, 6, 7, 9, 9]
    assert compute(scheduler) == [two, new]
    assert len(new.output) == 3
    assert adapters.counts.lookups == 3


def test_one_that_needs_a_block_and_was_admitted_last_gives_way_itself(scheduler_of, sequence_of):
    scheduler, _ = scheduler_of(blocks=3)
    one, two = add(scheduler, sequence_of(ids=range(6)), sequence_of(ids=range(4)))
    admit(scheduler)
    assert scheduler.running == [one]
    scheduler.drop(one)
    scheduler.add(one := sequence_of(ids=range(3)))
    assert admit(scheduler) == [two, one]
    for _ in range(3):
        compute(scheduler)
    assert scheduler.running == [two]
    assert scheduler.waiting == [one]
    assert len(two.output) == 3


def test_nobody_overtakes_who_waits_for_blocks(scheduler_of, sequence_of):
    scheduler, _ = scheduler_of(blocks=5)
    one, *_ = add(scheduler, *(sequence_of(ids=range(length)) for length in (9, 9, 1)))
    assert admit(scheduler) == [one]
    assert admit(scheduler) == []


def test_others_go_on_while_an_adapter_loads(scheduler_of, sequence_of, executor):
    scheduler, adapters = scheduler_of()
    adapters.preload("b")
    slow, *others = add(scheduler, *map(sequence_of, ("a", "b", None)))
    assert admit(scheduler) == others
    land(executor, adapters)
    assert admit(scheduler) == [slow]
    assert slow.weights == "A"
    assert (adapters.counts.lookups, adapters.counts.hits) == (2, 1)


def test_a_queue_that_waits_for_one_load_is_passed_by_all_who_need_none(
    scheduler_of, sequence_of, executor
):
    """However long it is: no more are sent for than could run, but all are looked at."""
    scheduler, adapters = scheduler_of(max_batch_size=2, budget=2)
    adapters.preload("b")
    *slow, held, base = add(scheduler, *map(sequence_of, (*"aaaa", "b", None)))
    assert admit(scheduler) == [held, base]
    scheduler.drop(held)
    land(executor, adapters)
    assert admit(scheduler) == slow[:1]


def test_the_base_model_passes_those_whose_adapters_find_no_room(scheduler_of, sequence_of):
    scheduler, adapters = scheduler_of(budget=1)
    adapters.preload("a")
    runs, stuck, behind, base = add(scheduler, *map(sequence_of, ("a", "b", "a", None)))
    assert admit(scheduler) == [runs, base]
    scheduler.drop(runs)
    assert admit(scheduler) == []
    assert adapters.loading
    assert scheduler.waiting == [stuck, behind]


def test_adapters_are_sent_for_while_the_batch_is_full(scheduler_of, sequence_of, executor):
    scheduler, adapters = scheduler_of(max_batch_size=1)
    add(scheduler, *map(sequence_of, (None, "a")))
    admit(scheduler)
    assert admit(scheduler) == []
    assert adapters.loading


def test_a_loaded_adapter_is_kept_for_whom_it_was_loaded(scheduler_of, sequence_of, executor):
    scheduler, adapters = scheduler_of(budget=1, max_batch_size=2)
    one, _ = add(scheduler, *map(sequence_of, "ab"))
    admit(scheduler)
    land(executor, adapters)
    assert admit(scheduler) == [one]
    assert not executor.pending


def test_an_adapter_stays_for_who_waits_first(scheduler_of, sequence_of, executor):
    scheduler, adapters = scheduler_of(budget=1, max_batch_size=2)
    first, second, _, _ = add(scheduler, *map(sequence_of, (None, None, "a", "b")))
    assert admit(scheduler) == [first, second]
    assert admit(scheduler) == []
    land(executor, adapters)
    assert admit(scheduler) == []
    assert adapters.holds(adapters.registry["a"])
    assert not adapters.loading


def test_first_come_is_served_before_resident_ones_need_its_room(scheduler_of, sequence_of):
    scheduler, adapters = scheduler_of(budget=1)
    adapters.preload("a")
    one, *_ = add(scheduler, *map(sequence_of, "aba"))
    assert admit(scheduler) == [one]
    assert admit(scheduler) == []


def test_adapter_aware_serves_resident_ones_first_but_for_so_long(scheduler_of, sequence_of):
    scheduler, adapters = scheduler_of(
        budget=1, max_batch_size=2, policy=QueuePolicy.ADAPTER_AWARE, patience=3
    )
    adapters.preload("a")
    other, *same = add(scheduler, *map(sequence_of, "baaaaa"))
    assert admit(scheduler) == same[:2]
    scheduler.drop(same[0])
    assert admit(scheduler) == [same[2]]
    scheduler.drop(same[1])
    assert admit(scheduler) == []
    scheduler.drop(same[2])
    assert admit(scheduler) == []
    assert adapters.loading
    assert not adapters.holds(adapters.registry["a"])
    assert other.overtaken == 3


def test_dropping_frees_blocks_and_pins(scheduler_of, sequence_of):
    scheduler, adapters = scheduler_of(budget=1, blocks=4)
    adapters.preload("a")
    running, waiting = add(scheduler, *(sequence_of("a", ids=range(12)) for _ in range(2)))
    admit(scheduler)
    scheduler.drop(waiting)
    scheduler.drop(running)
    (after,) = add(scheduler, sequence_of("b", ids=range(12)))
    admit(scheduler)
    assert adapters.loading
    assert not scheduler.running
    assert scheduler.waiting == [after]
