"""Prompts are judged when they are read: what is left out, what is refused, what rows may say."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.workload.bounds import Bounds
from pipeline.workload.prompts.given import Given
from pipeline.workload.prompts.json_rows import json_list
from pipeline.workload.prompts.jsonl import Jsonl
from pipeline.workload.prompts.shared_prefix import SharedPrefix
from pipeline.workload.prompts.sharegpt import ShareGpt
from pipeline.workload.room import ModelLimits
from tests.workload import golden

ROOM = ModelLimits(positions=40, vocabulary=300)
WORDS = ["one", "two words", "three more words", "a prompt of five words", "x " * 30]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "prompts.jsonl"


def rows(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Jsonl(name="jsonl", path=path, field="prompt")


def texts(path, words=WORDS):
    return rows(path, *({"prompt": each} for each in words))


def workload(prompts, popularity="zipf 1.0", arrivals="batch", **changes):
    built = golden.workload(popularity, arrivals, lengths="fixed")
    for name, value in {"prompts": prompts, **changes}.items():
        object.__setattr__(built, name, value)
    return built


def trace(built, adapters=golden.ADAPTERS, room=ROOM):
    return built.trace(adapters, golden.encode_words, room)


def refusal(built, *arguments, **more):
    with pytest.raises(UsageError) as refused:
        trace(built, *arguments, **more)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_the_model_has_no_room_for_is_refused_by_line_drawn_or_not(path):
    built = workload(texts(path), arrivals="batch")
    message = refusal(built)
    assert message.startswith(f"workload.prompts.path: {path}:5: 30 tokens and the 24 asked for")
    assert "workload.max_prompt_tokens=16 leaves out" in message


def test_what_the_user_leaves_out_is_counted(path):
    drawn = trace(workload(texts(path), min_prompt_tokens=2, max_prompt_tokens=4))
    said = {request.prompt for request in drawn.requests}
    assert said == {"two words", "three more words"}
    assert drawn.notes == (
        f"3 of the 5 prompts in workload.prompts.path={path} were left out: 1 shorter than "
        "workload.min_prompt_tokens=2, 2 longer than workload.max_prompt_tokens=4",
    )
    assert drawn.sidecar()["notes"] == list(drawn.notes)


def test_nothing_left_is_refused(path):
    message = refusal(workload(texts(path), min_prompt_tokens=99))
    assert "leaves no prompt of 5: 5 shorter than workload.min_prompt_tokens=99" in message


def test_bounds_the_wrong_way_round_are_refused(path):
    message = refusal(workload(texts(path), min_prompt_tokens=9, max_prompt_tokens=8))
    assert message.startswith("workload.min_prompt_tokens=9: is above")


def test_an_empty_prompt_is_refused_or_left_out(path):
    given = Given(name="given", prompts=("", "two words"))
    assert "number 0: makes no token; workload.min_prompt_tokens=1" in refusal(workload(given))
    assert trace(workload(given, min_prompt_tokens=1)).notes


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(1, 20), st.integers(1, 20))
def test_a_prompt_is_kept_left_out_or_refused(sizes, shortest, longest):
    if shortest > longest:
        shortest, longest = longest, shortest
    measured = [(size, f"line {number}", size, None) for number, size in enumerate(sizes)]
    bounds = Bounds(shortest=shortest, longest=longest, answer=10, room=ModelLimits(positions=25))
    inside = [size for size in sizes if shortest <= size <= longest]
    try:
        kept, notes = bounds.sieve("file", measured)
    except UsageError as refused:
        assert not inside or max(inside) > 15
        assert ("line " in str(refused)) == bool(inside)
        return
    assert kept == inside and max(kept) <= 15
    out = len(sizes) - len(kept)
    assert bool(notes) == bool(out) and all(note.startswith(f"{out} of the ") for note in notes)


@pytest.mark.parametrize("tokens, said", [(17, "make the prompts shorter"), (12, "is 8; such")])
def test_prompts_that_are_made_are_never_left_out(tokens, said):
    prompts = golden.Sized(name="sized", tokens=tokens)
    assert said in refusal(workload(prompts, max_prompt_tokens=8 if tokens == 12 else None))


def test_a_prefix_counts(path):
    base = texts(path, WORDS[:4])
    prefixed = SharedPrefix(name="shared_prefix", base=base, tokens=12, shared_by="all")
    assert f"{path}:4: 17 tokens and the 24 asked for need 41" in refusal(workload(prefixed))
    drawn = trace(workload(prefixed, max_prompt_tokens=16))
    assert {len(request.prompt_ids) for request in drawn.requests} <= {13, 14, 15}
    long = SharedPrefix(name="shared_prefix", base=base, tokens=20, shared_by="all")
    assert refusal(workload(long)).startswith("workload.prompts.tokens=20: leaves no prompt room")


def test_rows_may_name_adapter_and_max_tokens(path):
    prompts = rows(
        path,
        {"prompt": "mine", "adapter": "adapter-7", "max_tokens": 3},
        {"prompt": "yours", "adapter": None},
    )
    plain, drawn = trace(workload(texts(path.with_name("p"), ["mine", "yours"]))), None
    drawn = trace(workload(prompts))
    assert {request.prompt for request in drawn.requests} == {"mine", "yours"}
    for request, law in zip(drawn.requests, plain.requests, strict=True):
        assert request.prompt == law.prompt
        if request.prompt == "mine":
            assert (request.adapter, request.max_new_tokens) == ("adapter-7", 3)
        else:
            assert (request.adapter, request.max_new_tokens) == (law.adapter, 24)
    mine = sum(request.prompt == "mine" for request in drawn.requests)
    said = drawn.sidecar()
    assert said["laws"]["adapters_from_prompts"] == said["laws"]["lengths_from_prompts"] == mine
    assert said["probabilities"] is None and plain.sidecar()["probabilities"]


def test_laws_that_every_row_stands_above_change_nothing(path):
    one, both = {"adapter": "adapter-1"}, {"adapter": "adapter-2", "max_tokens": 3}
    assert not {"alpha", "lengths"} & {*workload(rows(path, {"prompt": "x"})).idle()}
    partly = rows(path, {"prompt": "x"} | one, {"prompt": "y"})
    assert "alpha" not in workload(partly).idle()
    prompts = rows(path, {"prompt": "x"} | one, {"prompt": "y"} | both)
    idle = workload(prompts).idle()
    assert {"popularity", "alpha", "seeds.adapters"} <= {*idle} and "lengths" not in idle
    prompts = rows(path, {"prompt": "y"} | both)
    assert {"popularity", "lengths", "max_new_tokens"} <= {*workload(prompts).idle()}
    path.unlink()
    assert "alpha" not in workload(prompts).idle()


def test_rows_may_be_ids(path):
    prompts = rows(path, {"ids": [5, 299]}, {"prompt": "a word", "ids": [1, 4]})
    assert f"{path}:1: has ids and no text" in refusal(workload(prompts))
    drawn = trace(workload(prompts, text=False))
    asked = {(request.prompt, request.prompt_ids) for request in drawn.requests}
    assert asked == {("", (5, 299)), ("a word", (1, 4))}


@pytest.mark.parametrize(
    "row, text, said",
    [
        ({"prompt": "a word", "ids": [9, 9]}, True, ":1: its ids aren't what this model's"),
        ({"ids": [300]}, False, ":1: has the token id 300, and the model's vocabulary has 300"),
        ({"prompt": "x", "max_tokens": 40}, True, ":1: asks for 40 tokens, and the model has 40"),
        ({"prompt": "x", "max_tokens": 0}, True, ":1: max_tokens must be a whole number"),
        ({"prompt": "x", "max_tokens": True}, True, ":1: max_tokens must be a whole number"),
        ({"prompt": "x", "adapter": 3}, True, ":1: adapter must be the name of an adapter"),
        ({"prompt": "x", "adapter": "sql"}, True, ":1: names the adapter 'sql'; there are adapter"),
        ({"ids": []}, False, ":1: ids must be a list of token ids"),
        ({"ids": [-1]}, False, ":1: ids must be a list of token ids"),
        ({"prompt": "x", "max_new_tokens": 3}, True, "'max_new_tokens': call it max_tokens"),
        ({"prompt": "x", "prompt_ids": [3]}, True, "'prompt_ids': call it ids"),
        ({"prompt": "x", "temperature": 1}, True, "'temperature': sampling is the whole run's"),
        (
            {"messages": [{"role": "user", "content": "hi"}]},
            True,
            ":1: needs a model",
        ),
        ({"prompt": "x", "answer": "cut \ud83d"}, True, ":1: holds half a character"),
        ({"prompt": "x", "answer": 3}, True, ":1: answer must be a text"),
        ({"messages": []}, True, ":1: a conversation must end with a user's words"),
        ({"messages": "hi"}, True, ":1: `messages` must be a list of turns"),
        ({"prompt": "x", "model": "sql"}, True, ":1: names the adapter 'sql'; there are adapter"),
    ],
)
def test_what_a_row_asks_for_in_vain_is_refused_by_name(path, row, text, said):
    assert said in refusal(workload(rows(path, row), text=text))


@pytest.mark.parametrize("law", ["distinct", "round_robin", "punica_zipf", "drift"])
def test_a_law_that_fixes_who_gets_which_takes_no_row_that_says_so_itself(path, law):
    prompts = rows(path, {"prompt": "x", "adapter": "adapter-1"})
    message = refusal(workload(prompts, law), golden.MORE_ADAPTERS)
    assert f"workload/popularity={law} fixes who gets which" in message


def test_no_prefix_is_put_before_what_has_its_own_adapter_or_ids(path):
    for row in ({"prompt": "x", "adapter": "adapter-1"}, {"prompt": "x", "ids": [1]}):
        base = rows(path, row)
        prefixed = SharedPrefix(name="s", base=base, tokens=4, shared_by="adapter")
        assert "so no prefix can be put before it" in refusal(workload(prefixed))


@pytest.mark.parametrize("half", ["\ud83d", "\udc4d", "a\udfff"])
def test_half_a_character_is_refused_wherever_it_stands(path, half):
    with pytest.raises(UsageError, match=r"prompts.jsonl:2: holds half a character \(\\u"):
        rows(path, {"prompt": "ok"}, {"prompt": f"cut {half}"}).check()
    row = {"conversations": [{"from": "human", "value": half}]}
    path.write_text("[\n" + json.dumps({"conversations": []}) + ",\n" + json.dumps(row) + "]")
    with pytest.raises(
        UsageError, match=r"prompts.jsonl:3: conversation 1: holds half a character"
    ):
        ShareGpt(name="s", path=path).check()
    with pytest.raises(UsageError, match="number 1: holds half a character"):
        Given(name="given", prompts=("ok", half)).check()


def test_a_whole_emoji_is_text(path):
    path.write_text('{"prompt": "\\ud83d\\ude00"}\n')
    prompts = Jsonl(name="jsonl", path=path, field="prompt")
    assert prompts.draw(1, Random(0), str.split) == ["\N{GRINNING FACE}"]


def test_calls_of_a_production_trace_are_left_out_or_refused(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:00.0000000,20,10\n"
        "2023-11-16 18:17:01.0000000,14050,17\n"
        "2023-11-16 18:17:02.0000000,30000,12\n"
        "2023-11-16 18:17:03.0000000,12,30\n"
    )
    built = golden.azure()
    object.__setattr__(built, "path", path)
    message = refusal(built)
    assert message.startswith(f"workload.path: {path}:3: 7025 tokens and the 8 asked for need 7033")
    assert "workload.max_prompt_tokens=32 leaves out" in message
    object.__setattr__(built, "max_prompt_tokens", 32)
    drawn = trace(built)
    assert [request.scheduled_s for request in drawn.requests] == [0.0, 1.5]
    assert [len(request.prompt_ids) for request in drawn.requests] == [10, 6]
    assert drawn.notes[0].startswith(f"2 of the 4 prompts in workload.path={path} were left out")
    object.__setattr__(built, "output_factor", 50.0)
    assert ":2: asks for 500 tokens" in refusal(built)
    assert "ask for fewer (workload.output_factor)" in refusal(built)


def test_a_replay_is_judged_too(tmp_path):
    drawn = workload(golden.PROMPTS["builtin"]).trace(golden.ADAPTERS, golden.encode)
    drawn.write(tmp_path / "trace.jsonl")
    replay = golden.TraceReplay(
        name="replay", path=tmp_path / "trace.jsonl", warmup_iterations=1, text=False
    )
    message = refusal(replay)
    assert message.startswith(f"workload.path={tmp_path}/trace.jsonl: request 0 needs ")
    assert "for its prompt and 24 for the answer, and the model has 40" in message
    with pytest.raises(UsageError, match="the model's vocabulary has 100"):
        replay.trace(golden.ADAPTERS, golden.encode, ModelLimits(vocabulary=100))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(json_values), st.sampled_from([None, 1, "\t"]))
@settings(max_examples=30)
def test_a_list_is_what_json_says_it_is(items, indent):
    text = "\n" + json.dumps(items, indent=indent) + " \n"
    found = json_list(text)
    assert [item for _, item in found] == json.loads(text)
    assert [line for line, _ in found] == sorted(line for line, _ in found)
    if items:
        assert found[0][0] == (3 if indent else 2)


@given(st.text(alphabet='[]{}",:1 \na', max_size=12))
def test_what_is_no_json_is_no_list(text):
    try:
        whole = json.loads(text)
    except ValueError:
        with pytest.raises(json.JSONDecodeError):
            json_list(text)
        return
    found = json_list(text)
    assert found is None if not isinstance(whole, list) else [x for _, x in found] == whole


def test_the_data_of_the_tests_is_found_by_line():
    lines = (golden.DATA / "sharegpt.json").read_text("utf-8").splitlines()
    for prompt in ShareGpt(name="s", path=Path(golden.DATA / "sharegpt.json")).read():
        number = int(prompt.where.split(".json:")[1].split(":")[0])
        assert "{" in lines[number - 1]
