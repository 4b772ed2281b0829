"""Answers that have to be JSON."""

import json

import pytest

from tests.serve.asking import CHAT, GREEDY, asked, refused, streamed
from tests.serve.conftest import running

SMALL = {
    "type": "object",
    "properties": {"mood": {"enum": ["calm", "wild"]}, "sure": {"type": "boolean"}},
    "required": ["mood", "sure"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "small", "schema": SMALL}}
BODY = {"prompt": "Say it: ", "max_tokens": 100, "response_format": FORMAT}


def keeps(text):
    found = json.loads(text)
    return {*found} == {"mood", "sure"} and found["mood"] in ("calm", "wild")


def test_every_answer_keeps_to_the_schema(client):
    told = asked(client, **BODY, n=4, temperature=2, seed=3, model="verse")
    for choice in told["choices"]:
        assert choice["finish_reason"] == "stop" and keeps(choice["text"])
    pieces = streamed(client, **BODY, temperature=0)
    assert keeps("".join(each["choices"][0]["text"] for each in pieces))
    messages = [{"role": "user", "content": "Well?"}]
    chat = {"messages": messages, "response_format": FORMAT, "repetition_penalty": 1.3}
    assert keeps(asked(client, CHAT, **chat)["choices"][0]["message"]["content"])


def test_an_object_is_one_as_far_as_it_goes(client):
    told = asked(client, **BODY | {"response_format": {"type": "json_object"}, "temperature": 0})
    assert told["choices"][0]["text"].lstrip().startswith("{")
    plain = asked(client, **GREEDY, response_format={"type": "text"})
    assert plain["choices"][0]["text"] == asked(client, **GREEDY)["choices"][0]["text"]


def test_neighbours_are_left_alone(client):
    alone = asked(client, **GREEDY)["choices"][0]["text"]
    told = streamed(client, **GREEDY | {"prompt": [GREEDY["prompt"]] * 2, "n": 1})
    assert told
    beside = []
    with client.stream("POST", "/v1/completions", json={**BODY, "stream": True}) as answer:
        beside = asked(client, **GREEDY)["choices"][0]["text"]
        assert "[DONE]" in answer.read().decode()
    assert beside == alone


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "yaml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "a"}},
        {"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}},
        {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}},
        {"type": "json_schema", "json_schema": {"schema": {"type": "string", "pattern": "("}}},
        {"type": "json_schema", "json_schema": {"schema": {"enum": ["x" * 300_000]}}},
        {"type": "json_schema", "json_schema": {"schema": {"enum": []}}},
    ],
)
def test_schemas_that_cant_be_served(client, wrong):
    assert refused(client, **BODY | {"response_format": wrong})["param"] == "response_format"


@pytest.mark.parametrize("text", ["</s>", "a</s>b", "%llguidance {}\nstart: /x/ \\ \" '"])
def test_text_that_means_something_elsewhere_is_text(client, text):
    """Of a special token, for one."""
    defined = {"$defs": {"it": {"enum": [text]}}, "$ref": "#/$defs/it"}
    for schema in ({"enum": [text]}, {"const": text}, defined, {"x-guidance": 1, "enum": [text]}):
        form = {"type": "json_schema", "json_schema": {"schema": schema}}
        (choice,) = asked(client, **BODY | {"response_format": form})["choices"]
        assert json.loads(choice["text"]) == text and choice["finish_reason"] == "stop"


def test_a_schema_of_a_hundred_floors(client):
    schema = {"type": "boolean"}
    for _ in range(60):
        schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": 1}
    form = {"type": "json_schema", "json_schema": {"schema": schema}}
    told = asked(client, **BODY | {"response_format": form, "max_tokens": 400})
    assert told["choices"][0]["text"].lstrip().startswith("[")


def test_what_goes_badly_with_it(client, repeating):
    assert refused(client, **BODY, min_tokens=5)["param"] == "min_tokens"
    assert refused(repeating.client, **BODY)["param"] == "response_format"
    assert refused(repeating.client, **GREEDY | {"temperature": 1}, logprobs=1)


@pytest.mark.parametrize("engine", ["llama_cpp", "peft_mixed"])
def test_other_engines_are_served_by_what_they_can(engine, cache, offline):
    with running(f"engine={engine}", "adapters.count=2", cache=cache) as server:
        ids, _ = offline(None, GREEDY["prompt"], max_new_tokens=12)
        whole = asked(server.client, **GREEDY)
        assert whole["usage"]["completion_tokens"] == len(ids)
        pieces = streamed(server.client, **GREEDY, model="csv")
        text = "".join(each["choices"][0]["text"] for each in pieces)
        assert text == asked(server.client, **GREEDY, model="csv")["choices"][0]["text"] and text
        assert engine == "llama_cpp" or len(pieces) == 1
        if engine == "llama_cpp":
            assert keeps(asked(server.client, **BODY)["choices"][0]["text"])
        else:
            assert refused(server.client, **BODY)["param"] == "response_format"
