"""Traces of Mooncake: what shares blocks begins alike, to the token."""

import json
from itertools import pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.workload.mooncake_trace import read_calls
from pipeline.workload.prompts.shared_blocks import SharedBlocks
from pipeline.workload.room import ModelLimits
from tests.workload import golden
from tests.workload.test_chat import TINY

TOKENIZER = Tokenizer.from_file(str(TINY))


def encode(text):
    return TOKENIZER.encode(text).ids


def alike(one, other):
    return len([*takewhile(lambda both: both[0] == both[1], zip(one, other, strict=False))])


def shared(one, other):
    return alike(one.prompt_ids, other.prompt_ids)


def trace(encode=encode, positions=2048, **changes):
    room = ModelLimits(positions)
    return golden.mooncake(**changes).trace(golden.ADAPTERS, encode, room)


def test_the_trace_that_people_have():
    drawn = trace(prompt_factor=1.0, output_factor=1.0, speed=1.0)
    assert [each.scheduled_s for each in drawn.requests] == [0.0, 0.3, 0.6]
    assert [len(each.prompt_ids) for each in drawn.requests] == [655, 672, 120]
    assert [each.max_new_tokens for each in drawn.requests] == [52, 26, 1]
    first, second, third = drawn.requests
    assert 512 + 100 < shared(first, second) <= 655 and 100 < shared(first, third) <= 120
    assert drawn.max_in_flight is None
    assert drawn.notes == (
        f"workload.path={golden.DATA / 'mooncake.jsonl'}: 1 prompts end before the last of their "
        "blocks begins",
    )


def test_lengths_and_blocks_are_scaled_together():
    drawn = trace()
    assert [len(each.prompt_ids) for each in drawn.requests] == [41, 42, 8]
    assert shared(drawn.requests[0], drawn.requests[1]) >= 32
    assert [each.max_new_tokens for each in drawn.requests] == [26, 13, 1]
    assert [each.scheduled_s for each in drawn.requests] == [0.0, 0.15, 0.3]


def test_what_is_left_out_is_counted():
    drawn = trace(max_prompt_tokens=41, max_answer_tokens=20)
    assert len(drawn.requests) == 1
    assert "1 longer than workload.max_prompt_tokens=41" in drawn.notes[0]
    assert "1 with answers longer than workload.max_answer_tokens=20" in drawn.notes[0]
    with pytest.raises(UsageError, match=":1: 41 tokens and the 26 asked for"):
        trace(positions=60)


blocks = st.lists(st.integers(0, 3), max_size=4)


@given(st.lists(st.tuples(blocks, st.integers(1, 99)), min_size=2, max_size=4), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_the_same_blocks_are_the_same_tokens(prompts, seed):
    made = SharedBlocks(encode, seed)
    ids = []
    for chain, tokens in prompts:
        text = made.prompt(chain, [16 * (n + 1) for n in range(len(chain))], tokens)
        ids.append(encode(text))
        assert len(ids[-1]) == tokens
    for (one, its), (other, theirs) in pairwise(zip(prompts, ids, strict=True)):
        whole = min(one[1] // 16, other[1] // 16, alike(one[0], other[0]))
        assert its[: 16 * whole] == theirs[: 16 * whole]


def line(**changes):
    row = {"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": [0]}
    return json.dumps({**row, **changes}) + "\n"


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"timestamp": -1}, "timestamp must be a number of milliseconds"),
        ({"timestamp": "0"}, "timestamp must be a number of milliseconds"),
        ({"timestamp": float("nan")}, "timestamp must be a number of milliseconds"),
        ({"timestamp": None}, "timestamp must be a number of milliseconds"),
        ({"timestamp": True}, "timestamp must be a number of milliseconds"),
        ({"input_length": 0}, "input_length is 0; it must be a whole number from 1"),
        ({"input_length": 1.5}, "input_length is 1.5"),
        ({"output_length": None}, "output_length isn't there"),
        ({"output_length": 10**9}, "output_length is 1000000000"),
        ({"hash_ids": [0.5]}, "hash_ids must be a list of whole numbers"),
        ({"hash_ids": {"0": 1}}, "hash_ids must be a list of whole numbers"),
    ],
)
def test_bad_traces(tmp_path, changes, said):
    path = tmp_path / "file"
    path.write_text(line() + line(**changes))
    with pytest.raises(UsageError) as refused:
        read_calls("workload.path", path, None)
    assert f"file:2: {said}" in str(refused.value)
    assert len(read_calls("workload.path", path, 1)) == 1


def test_numbers_that_are_whole_and_blocks_that_are_not_there(tmp_path):
    path = tmp_path / "file"
    path.write_text(line(timestamp=1.5, input_length=7.0, hash_ids=None) + line(timestamp=3))
    first, second = read_calls("workload.path", path, None)
    assert (first.prompt_tokens, first.blocks, second.at_ns) == (7, (), 1_500_000)
    drawn = trace(path=path, prompt_factor=1.0)
    assert "1 prompts are longer than their blocks" in drawn.notes[0]
    path.write_text(line(timestamp=3) + line(timestamp=2))
    with pytest.raises(UsageError, match="file:2: comes before the line above"):
        read_calls("workload.path", path, None)
    with pytest.raises(UsageError, match="requests=9"):
        trace(path=path, requests=9)
