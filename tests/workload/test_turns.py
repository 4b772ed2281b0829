"""Conversations played turn by turn: what each turn holds, whom it follows and asks."""

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.errors import UsageError
from pipeline.workload.prompts.lanes import conversations, in_lanes
from pipeline.workload.prompts.shared_prefix import SharedPrefix
from pipeline.workload.prompts.sharegpt import ShareGpt
from pipeline.workload.prompts.source import Prompt
from pipeline.workload.room import ModelLimits
from tests.workload import golden
from tests.workload.test_chat import TINY, built, trace


@pytest.fixture
def tokenizer():
    return Tokenizer.from_file(str(TINY))


def said(*words):
    speakers = ("human", "gpt")
    return {
        "conversations": [
            {"from": speakers[at % 2], "value": word} for at, word in enumerate(words)
        ]
    }


@pytest.fixture
def played(tmp_path):
    def write(*rows, **settings):
        path = tmp_path / "file.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ShareGpt(name="sharegpt", path=path, turns="all", **settings)

    return write


THREE = (said("a1", "A1", "a2", "A2", "a3"), said("b1", "B1"), said("c1", "C1", "c2"))


def test_every_turn_holds_what_the_file_says_before_it(tokenizer, played):
    drawn = trace(built(played(*THREE, order="file", conversations=2)), tokenizer)
    assert [(each.prompt.split("\n")[-2], each.after) for each in drawn.requests[:8]] == [
        ("user:a1", None),
        ("user:b1", None),
        ("user:a2", 0),
        ("user:c1", None),
        ("user:a3", 2),
        ("user:c2", 3),
        ("user:a1", None),
        ("user:b1", None),
    ]
    assert drawn.requests[4].prompt == (
        "user:a1\nassistant:A1\nuser:a2\nassistant:A2\nuser:a3\nassistant:"
    )
    later = [each for each in drawn.requests if each.after is not None]
    assert f"{len(later)} of the 160 requests are later turns of a conversation" in drawn.notes[-1]


def test_a_conversation_stays_with_its_adapter(tokenizer, played):
    drawn = trace(built(played(*THREE, conversations=3)), tokenizer)
    for each in drawn.requests:
        if each.after is not None:
            before = drawn.requests[each.after]
            assert each.adapter == before.adapter and before.prompt[:-10] in each.prompt
    assert len({each.adapter for each in drawn.requests}) > 3
    assert trace(built(played(*THREE, conversations=3)), tokenizer).sha256 == drawn.sha256
    with pytest.raises(UsageError, match="workload/popularity=round_robin fixes who gets which"):
        trace(built(played(*THREE), popularity=golden.POPULARITIES["round_robin"]), tokenizer)


def test_turns_that_become_too_long_are_left_out_and_counted(tokenizer, played):
    most = len(tokenizer.encode("user:a1\nassistant:A1\nuser:a2\nassistant:").ids)
    workload = built(played(*THREE, order="file"), max_prompt_tokens=most)
    drawn = trace(workload, tokenizer, ModelLimits(1000))
    assert all(len(each.prompt_ids) <= most for each in drawn.requests)
    assert any(each.after is not None for each in drawn.requests)
    assert "of the 6 prompts in" in drawn.notes[0] and "longer than" in drawn.notes[0]


def test_no_prefix_is_put_amid_a_conversation(played):
    prefixed = SharedPrefix(name="s", base=played(*THREE), tokens=4, shared_by="all")
    with pytest.raises(UsageError, match="give a system prompt"):
        prefixed.check()


def test_how_many_are_played_is_idle_where_none_is(played):
    assert played(*THREE).idle() == {}
    path = played(*THREE).path
    assert "conversations" in ShareGpt(name="sharegpt", path=path).idle()


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(1, 5), st.integers(1, 30))
def test_lanes(sizes, lanes, wanted):
    rows = [Prompt(f"{c}.{t}", str(c)) for c, size in enumerate(sizes) for t in range(size)]
    whole = conversations(rows)
    assert [len(each) for each in whole] == sizes
    dealt = in_lanes((whole[at % len(whole)] for at in count()), lanes, wanted)
    assert len(dealt) == wanted
    for at, each in enumerate(dealt):
        conversation, turn = map(int, each.text.split("."))
        assert (turn == 0) == (each.follows is None)
        if each.follows is not None:
            assert dealt[each.follows].text == f"{conversation}.{turn - 1}" and each.follows < at
    openings = [int(each.where) for each in dealt if each.follows is None]
    assert openings == [at % len(sizes) for at in range(len(openings))]
