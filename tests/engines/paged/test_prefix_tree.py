import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines.paged.prefix_tree import PrefixTree


def path_of(tree, tokens):
    """The cached blocks of a path, as far as they are there."""
    block, found = tree.root, []
    for token in tokens:
        block = block.children.get(("a", (token,)))
        if block is None:
            break
        found.append(block)
    return found


def hold(tree, tokens, number):
    """As a sequence does that computes what it doesn't find; its last block."""
    found = path_of(tree, tokens)
    for block in found:
        tree.hold(block)
    last = found[-1] if found else tree.root
    for token in tokens[len(found) :]:
        last = tree.add(last, ("a", (token,)), next(number))
    return last


def all_of(tree):
    blocks = [*tree.root.children.values()]
    for block in blocks:
        blocks += block.children.values()
    return blocks


paths = st.lists(st.sampled_from([1, 2]), max_size=4)


@settings(deadline=None, max_examples=50)
@given(st.lists(paths | st.integers(0, 5) | st.none(), max_size=30))
def test_what_is_held_stays_and_nothing_leaves_before_what_is_behind_it(steps):
    """A path comes, the sequence of that number ends, or room is wanted."""
    tree, numbers, held = PrefixTree(), iter(range(1000)), []
    for step in steps:
        if isinstance(step, list):
            held.append((step, hold(tree, step, numbers)))
        elif step is not None and step < len(held):
            tree.release(held.pop(step)[1])
        elif step is None and tree.idle:
            idle = {each.number for each in all_of(tree) if not (each.users or each.children)}
            assert tree.evict() in idle
        ours = [path_of(tree, tokens) for tokens, _ in held]
        assert [len(path) for path in ours] == [len(tokens) for tokens, _ in held]
        assert [last.depth for _, last in held] == [len(tokens) for tokens, _ in held]
        there = all_of(tree)
        assert [each.users for each in there] == [sum(each in p for p in ours) for each in there]
        assert tree.idle == sum(not each.users for each in there)
    for _, last in held:
        tree.release(last)
    there = [each.number for each in all_of(tree)]
    assert sorted(tree.evict() for _ in range(tree.idle)) == sorted(there)
    assert not tree.root.children


def test_the_least_recently_used_leaves_first_and_from_its_end():
    tree, numbers = PrefixTree(), iter(range(100))
    for path in ([1, 2, 3], [1, 4], [5], [1, 4]):
        tree.release(hold(tree, path, numbers))
    assert [tree.evict() for _ in range(tree.idle)] == [2, 1, 4, 3, 0]
    with pytest.raises(KeyError):
        tree.evict()


def test_one_that_was_used_since_stays_longer_than_those_behind_it():
    tree, numbers = PrefixTree(), iter(range(100))
    for path in ([1, 2], [3], [1]):
        tree.release(hold(tree, path, numbers))
    assert [tree.evict() for _ in range(tree.idle)] == [1, 2, 0]
