"""Who joins, by policy and room."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.llama_cpp.scheduler import (
    GroupPolicy,
    SlotLimits,
    SlotSequence,
    admissible,
    groups,
)
from pipeline.inference.request import Request
from pipeline.inference.sampling_params import SamplingParams

ROOMY = SlotLimits(sequences=64, positions=10_000, adapters=None)
ADAPTERS = st.sampled_from([None, "a", "b", "c", "d"])
SHAPES = st.lists(st.tuples(ADAPTERS, st.integers(1, 9), st.integers(1, 9)), max_size=12)
ROOMS = st.builds(SlotLimits, st.integers(1, 6), st.integers(18, 60), st.none() | st.integers(1, 3))


def requests(shapes, first=0):
    return [
        SlotSequence(
            Request(first + i, adapter, "", sampling=SamplingParams(max_new_tokens=new)),
            [*range(prompt)],
            slot=i,
        )
        for i, (adapter, prompt, new) in enumerate(shapes)
    ]


def ids(chosen):
    return [request.id for request in chosen]


def test_grouped_takes_all_that_wait_for_the_oldest_ones_adapter():
    waiting = requests([("a", 1, 1), ("b", 1, 1), ("a", 1, 1)])
    assert ids(admissible(waiting, [], GroupPolicy.GROUPED, ROOMY)) == [0, 2]


def test_grouped_lets_nobody_join_a_running_group():
    waiting, running = requests([("a", 1, 1)]), requests([("a", 1, 1)], first=5)
    assert admissible(waiting, running, GroupPolicy.GROUPED, ROOMY) == []


def test_interleaved_takes_whoever_is_next():
    waiting, running = requests([("a", 1, 1), ("b", 1, 1)]), requests([("c", 1, 1)], first=5)
    assert ids(admissible(waiting, running, GroupPolicy.INTERLEAVED, ROOMY)) == [0, 1]


def test_nobody_overtakes_one_that_there_is_no_room_for():
    waiting, running = requests([("b", 1, 1), ("a", 1, 1)]), requests([("a", 1, 1)], first=5)
    room = SlotLimits(sequences=8, positions=100, adapters=1)
    assert admissible(waiting, running, GroupPolicy.INTERLEAVED, room) == []


@settings(deadline=None)
@given(SHAPES, ROOMS, st.sampled_from(GroupPolicy))
def test_everybody_is_served_once_within_the_room(shapes, room, policy):
    waiting, running, served = requests(shapes), [], []
    for _ in range(2 * len(shapes) + 1):
        joining = admissible(waiting, running, policy, room)
        assert joining or running or not waiting
        running = running + joining
        waiting = [request for request in waiting if request not in joining]
        adapters = {request.adapter for request in running} - {None}
        assert len(running) <= room.sequences
        assert sum(each.positions for each in running) <= room.positions
        assert room.adapters is None or len(adapters) <= room.adapters
        assert policy is GroupPolicy.INTERLEAVED or len({each.adapter for each in running}) <= 1
        served, running = served + running[:1], running[1:]
    assert sorted(ids(served)) == list(range(len(shapes)))


@settings(deadline=None)
@given(SHAPES)
def test_groups_part_the_running_by_adapter(shapes):
    running = requests(shapes)
    parted = groups(running)
    assert sorted(each.slot for group in parted for each in group) == list(range(len(shapes)))
    names = [{each.request.adapter for each in group} for group in parted]
    assert all(len(name) == 1 for name in names)
    assert len({next(iter(name)) for name in names}) == len(parted)
