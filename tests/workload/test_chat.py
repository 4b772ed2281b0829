"""Conversations as prompts: by the model's chat template, behind system prompts, from rows."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from pipeline.errors import UsageError
from pipeline.workload.prompts.chat import Chat
from pipeline.workload.prompts.conversation import questions, turns_of
from pipeline.workload.prompts.jsonl import Jsonl
from pipeline.workload.prompts.shared_prefix import SharedPrefix
from pipeline.workload.prompts.sharegpt import ShareGpt
from pipeline.workload.room import BOUNDLESS, ModelLimits
from tests.workload import golden

TINY = Path(__file__).parents[2] / "pipeline" / "assets" / "tiny" / "base" / "tokenizer.json"
HI = [{"role": "user", "content": "hi"}]


class Toy:
    """A template that writes `role:content` a turn, and the tokenizer it is for."""

    def __init__(self, tokenizer, begin=""):
        self.tokenizer, self.begin = tokenizer, begin

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def sha256(self, path):
        return "of the template"

    def render(self, conversations, places, path):
        assert len(conversations) == len(places)
        said = ("".join(f"{role}:{text}\n" for role, text in turns) for turns in conversations)
        return [f"{self.begin}{each}assistant:" for each in said]


@pytest.fixture
def tokenizer():
    return Tokenizer.from_file(str(TINY))


@pytest.fixture
def rows(tmp_path):
    def write(*rows, **settings):
        path = tmp_path / "prompts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return Jsonl(name="jsonl", path=path, field="prompt", **settings)

    return write


def built(prompts, **changes):
    workload = golden.workload("zipf 1.0", lengths="fixed")
    for name, value in {"prompts": prompts, **changes}.items():
        object.__setattr__(workload, name, value)
    return workload


def trace(workload, tokenizer, room=BOUNDLESS, begin=""):
    def encode(text):
        return tokenizer.encode(text).ids

    return workload.trace(golden.ADAPTERS, encode, room, Toy(tokenizer, begin))


def texts(drawn):
    return {each.prompt for each in drawn.requests}


def test_messages_go_through_the_template(tokenizer):
    path = golden.DATA / "p_messages.jsonl"
    prompts = Jsonl(name="jsonl", path=path, field="prompt", order="file")
    drawn = trace(built(prompts), tokenizer)
    assert [each.prompt for each in drawn.requests[:5]] == [
        f"user:hi {n % 4}\nassistant:" for n in range(5)
    ]
    for each in drawn.requests:
        assert list(each.prompt_ids) == tokenizer.encode(each.prompt).ids
    assert drawn.laws["chat"]["template_sha256"] == "of the template"


def test_plain_prompts_do_where_it_is_asked_for(tokenizer, rows):
    prompts = rows({"prompt": "one"}, {"messages": HI})
    assert texts(trace(built(prompts), tokenizer)) == {"one", "user:hi\nassistant:"}
    every = built(prompts, chat=Chat(prompts=True))
    assert texts(trace(every, tokenizer)) == {"user:one\nassistant:", "user:hi\nassistant:"}
    with pytest.raises(UsageError, match=":1: says its ids itself, so no chat template"):
        trace(replace_prompts(every, rows({"ids": [5]}), text=False), tokenizer)


def replace_prompts(workload, prompts, **changes):
    return built(prompts, chat=workload.chat, **changes)


def test_a_row_with_both_is_read_as_the_field_says(tokenizer, rows):
    both = rows({"prompt": "one", "messages": HI})
    assert texts(trace(built(both), tokenizer)) == {"one"}
    other = Jsonl(name="jsonl", path=both.path, field="messages")
    assert texts(trace(built(other), tokenizer)) == {"user:hi\nassistant:"}


def test_system_prompts_by_adapter(tokenizer, rows, tmp_path):
    own = [{"role": "system", "content": "Mine."}, *HI]
    prompts = rows({"messages": HI}, {"messages": own})
    systems = {"adapter-0": "Write SQL.", "adapter-1": "Write bash."}
    path = tmp_path / "systems.json"
    path.write_text(json.dumps(systems))
    by_file = trace(built(prompts, chat=Chat(system_path=path)), tokenizer)
    drawn = trace(built(prompts, chat=Chat(system=systems)), tokenizer)
    assert by_file.jsonl == drawn.jsonl and drawn.laws["chat"]["systems"] == systems
    for each in drawn.requests:
        system = systems.get(each.adapter)
        begun = f"system:{system}\n" if system else ""
        assert each.prompt in (f"{begun}user:hi\nassistant:", "system:Mine.\nuser:hi\nassistant:")
    for_all = trace(built(prompts, chat=Chat(system="Be brief.")), tokenizer)
    assert "system:Be brief.\nuser:hi\nassistant:" in texts(for_all)


@pytest.mark.parametrize(
    "content, said",
    [
        ('{"nobody": "x"}', "systems.json: names the adapter 'nobody'; there are adapter-0"),
        ('{"adapter-0": 3}', "systems.json: the system prompt of 'adapter-0' must be a text"),
        ('{"adapter-0": "\\ud83d"}', "systems.json: 'adapter-0': holds half a character"),
        ("[]", "systems.json: must be an object"),
        ("{", "systems.json: isn't JSON"),
    ],
)
def test_bad_system_prompts(rows, tmp_path, content, said):
    path = tmp_path / "systems.json"
    path.write_text(content)
    workload = built(rows({"messages": HI}), chat=Chat(system_path=path))
    with pytest.raises(UsageError) as refused:
        workload.check(golden.ADAPTERS)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="give system or system_path, not both"):
        Chat(system="x", system_path=path)


def test_prompts_are_judged_as_the_model_gets_them(tokenizer, rows):
    prompts = rows({"messages": HI}, {"messages": [{"role": "user", "content": "word " * 9}]})
    systems = {"adapter-7": "A long system prompt of a rare adapter."}
    short, long = (
        len(tokenizer.encode(f"system:{systems['adapter-7']}\nuser:{words}\nassistant:").ids)
        for words in ("hi", "word " * 9)
    )
    workload = built(prompts, chat=Chat(system=systems), max_prompt_tokens=long - 1)
    drawn = trace(workload, tokenizer, ModelLimits(1000))
    assert "1 of the 2 prompts" in drawn.notes[0]
    assert all("word" not in each for each in texts(drawn))
    with pytest.raises(UsageError, match=f":1: {short} tokens and the 24 asked for"):
        trace(workload, tokenizer, ModelLimits(short + 23))


def test_the_token_at_the_head_is_not_given_twice(tokenizer, rows):
    tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    prompts = rows({"messages": HI})
    drawn = trace(built(prompts), tokenizer, begin="<s>")
    (text,) = texts(drawn)
    assert text == "user:hi\nassistant:"
    spelt = tokenizer.encode("<s>" + text, add_special_tokens=False).ids
    assert {each.prompt_ids for each in drawn.requests} == {tuple(spelt)}
    with pytest.raises(UsageError, match="=false hands over the template's own"):
        trace(built(prompts), tokenizer)
    drawn = trace(built(prompts, text=False), tokenizer)
    bare = tokenizer.encode(text, add_special_tokens=False).ids
    assert {each.prompt_ids for each in drawn.requests} == {tuple(bare)}


def test_a_prefix_stands_before_what_the_user_says(tokenizer, rows):
    base = rows({"messages": HI})
    prompts = SharedPrefix(name="shared_prefix", base=base, tokens=8, shared_by="all")
    (text,) = texts(trace(built(prompts), tokenizer, ModelLimits(1000)))
    assert text.startswith("user: ") and text.endswith("\nhi\nassistant:")


def test_rows_name_their_adapter(tokenizer, rows):
    named = (
        {"messages": HI, "model": "adapter-3"},
        {"prompt": "x", "adapter": "adapter-1", "model": "gpt-9"},
    )
    drawn = trace(built(rows(*named)), tokenizer)
    assert {(each.prompt[0], each.adapter) for each in drawn.requests} == {
        ("u", "adapter-3"),
        ("x", "adapter-1"),
    }
    theirs = {"messages": HI, "model": "gpt-9"}
    with pytest.raises(UsageError, match=r":1: names the adapter 'gpt-9'.*prompts.adapters maps"):
        built(rows(theirs)).check(golden.ADAPTERS)
    mapped = trace(built(rows(theirs, adapters={"gpt-9": "adapter-2"})), tokenizer)
    assert {each.adapter for each in mapped.requests} == {"adapter-2"}
    others = {"*": "adapter-5", "gpt-8": None}
    rest = trace(built(rows(theirs, adapters=others)), tokenizer)
    assert {each.adapter for each in rest.requests} == {"adapter-5"}
    free = trace(built(rows(theirs, adapters={"gpt-9": None})), tokenizer)
    assert len({each.adapter for each in free.requests}) > 4


def test_settings_of_a_template_that_nothing_goes_through_are_idle(rows):
    idle = built(rows({"prompt": "x"})).idle()
    assert {"chat.template", "chat.system", "chat.system_path"} <= {*idle}
    assert "chat.template" not in built(rows({"messages": HI})).idle()
    assert "chat.template" not in built(rows({"prompt": "x"}), chat=Chat(prompts=True)).idle()
    (rows({"prompt": "x"}).path).unlink()


def test_in_the_files_order_nothing_is_drawn(tokenizer, rows):
    prompts = rows(*({"prompt": f"{n}"} for n in range(3)), order="file")
    drawn = trace(built(prompts), tokenizer)
    assert [each.prompt for each in drawn.requests] == [f"{n % 3}" for n in range(160)]
    assert "seeds.prompts" in built(prompts).idle()


def test_as_many_tokens_as_the_files_answers(tokenizer, rows):
    answered = [*HI, {"role": "assistant", "content": "ten words " * 5}]
    prompts = rows(
        {"messages": answered},
        {"prompt": "x", "answer": "two words"},
        {"prompt": "y"},
        {"prompt": "z", "max_tokens": 3},
        answers=True,
        order="file",
    )
    drawn = trace(built(prompts), tokenizer)
    lengths = [len(tokenizer.encode(each).ids) for each in ("ten words " * 5, "two words")]
    assert [each.max_new_tokens for each in drawn.requests[:4]] == [*lengths, 3, lengths[0]]
    assert drawn.notes == (f"of {prompts.source} were left out: 1 without an answer",)
    assert "lengths" in built(prompts).idle()
    with pytest.raises(UsageError, match="no prompt has an answer"):
        trace(built(rows({"prompt": "y"}, answers=True)), tokenizer)


SPELLINGS = {
    "vicuna": ("conversations", "from", "value", "human", "gpt"),
    "openai": ("messages", "role", "content", "user", "assistant"),
    "mixed": ("conversation", "role", "value", "User", "Assistant"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("lines", [True, False])
def test_sharegpt_in_all_spellings(tmp_path, spelling, lines):
    field, speaker, words, human, machine = SPELLINGS[spelling]

    def row(*turns):
        return {field: [{speaker: who, words: text} for who, text in turns]}

    rows = [
        row((human, "one"), (machine, "1"), (human, "two")),
        row((machine, "I begin."), (human, "three"), (machine, None)),
        row(("system", "Be brief."), (human, "four"), (machine, "4")),
        row((human, None), (machine, "5")),
        row((machine, "alone")),
        row(),
        {field: None},
    ]
    path = tmp_path / "file"
    text = "".join(json.dumps(each) + "\n\n" for each in rows) if lines else json.dumps(rows)
    path.write_text(text)
    prompts = ShareGpt(name="sharegpt", path=path)
    assert [each.text for each in prompts.read()] == ["one", "three", "four"]
    _, (note,) = prompts.offer(str.split)
    assert "2 conversations without a person's words" in note
    assert "1 questions with null or nothing" in note and "1 conversations that are null" in note
    (said, answered), _ = ShareGpt(name="s", path=path, answers=True).offer(str.split)
    assert (said.text, said.max_tokens, answered.text) == ("one", 1, "four")
    drawn = trace(built(replace(prompts, order="file")), Tokenizer.from_file(str(TINY)))
    assert drawn.notes[-1].startswith("106 of the 160 requests are without what was said before")
    again = ShareGpt(name="sharegpt", path=path, turns="all").read()
    assert [(each.text, len(each.before), each.chat) for each in again] == [
        ("one", 0, True),
        ("two", 2, True),
        ("three", 1, True),
        ("four", 1, True),
    ]


def test_the_lines_of_sharegpt_are_read_like_the_list(tmp_path):
    lines = golden.DATA / "sg_lines.jsonl"
    path = tmp_path / "list.json"
    path.write_text(json.dumps([json.loads(each) for each in lines.read_text().splitlines()]))
    one, other = (
        [replace(each, where="") for each in ShareGpt(name="s", path=each).read()]
        for each in (lines, path)
    )
    assert one == other and len(one) == 12


turn = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.sampled_from(["human", "gpt", "system", "odd"]) for name in ("from", "role")},
        **{name: st.none() | st.text(max_size=3) | st.just([]) for name in ("value", "content")},
    },
)


@given(st.lists(turn, max_size=6), st.sampled_from(["first", "last", "all"]))
def test_every_list_of_turns_is_read_or_refused(turns, which):
    try:
        messages = turns_of({"messages": turns}, "file:1")
    except UsageError as refused:
        assert "file:1: turn " in str(refused)
        return
    asked = questions(messages, which)
    people = [each.content for each in messages if each.role == "user"]
    expected = {"first": people[:1], "last": people[-1:], "all": people}[which]
    assert [each.text for each in asked] == expected
    for each in asked:
        assert (*each.before, each.text)[: len(each.before)] == messages[: len(each.before)]
