import pytest

from tests.serve.asking import CHAT, asked, refused, streamed

MESSAGES = [
    {"role": "system", "content": "Be kind."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Tell me"}, {"type": "text", "text": "!"}],
    },
]
SAID = "system: Be kind.\nuser: Tell me\n!\nassistant:"
BODY = {"messages": MESSAGES, "temperature": 0, "max_completion_tokens": 10}


def test_a_conversation_is_read_by_the_template(client):
    told = asked(client, CHAT, **BODY)
    plain = asked(client, prompt=SAID, temperature=0, max_tokens=10, add_special_tokens=False)
    (choice,) = told["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": plain["choices"][0]["text"],
        "refusal": None,
    }
    assert told["usage"] == plain["usage"] and told["object"] == "chat.completion"
    assert told["id"].startswith("chatcmpl-")


def test_a_stream_begins_with_the_role_and_says_the_same(client):
    whole = asked(client, CHAT, **BODY)
    options = {"include_usage": True, "continuous_usage_stats": True}
    first, *pieces, last = streamed(client, CHAT, **BODY, stream_options=options)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(each["choices"][0]["delta"]["content"] for each in pieces)
    assert text == whole["choices"][0]["message"]["content"]
    assert pieces[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert last["choices"] == [] and last["usage"] == whole["usage"]
    assert {each["object"] for each in (first, *pieces, last)} == {"chat.completion.chunk"}


def test_without_a_limit_it_may_take_all_there_is_room_for(client, server):
    body = {name: value for name, value in BODY.items() if name != "max_completion_tokens"}
    told = asked(client, CHAT, **body, stop=[" "])
    assert told["choices"][0]["finish_reason"] == "stop"


def test_log_probabilities(client):
    told = asked(client, CHAT, **BODY, logprobs=True, top_logprobs=2)["choices"][0]
    assert len(told["logprobs"]["content"]) <= 10
    for each in told["logprobs"]["content"]:
        assert each["top_logprobs"][0]["token"] == each["token"]
        assert len(each["top_logprobs"]) == 2 and bytes(each["bytes"]).decode() == each["token"]
    assert refused(client, CHAT, **BODY, top_logprobs=2)["param"] == "top_logprobs"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", []),
        ("messages", None),
        ("messages", [{"content": "no role"}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
        ("messages", [{"role": "never", "content": "refused by the template"}]),
        ("tools", [{"type": "function"}]),
        ("chat_template", "{{ 1 }}"),
        ("chat_template_kwargs", {"messages": []}),
        ("continue_final_message", True),
        ("max_completion_tokens", 0),
    ],
)
def test_what_is_wrong_is_named(client, field, value):
    assert refused(client, CHAT, **BODY | {field: value})["param"] == field


def test_a_conversation_on_which_the_template_works_for_ever(client):
    error = refused(client, CHAT, **BODY | {"messages": [{"role": "user", "content": "for ever"}]})
    assert "processor time" in error["message"] and error["param"] == "messages"
    assert asked(client, CHAT, **BODY)["choices"]


def test_tokens_and_back(client, server):
    told = asked(client, "/tokenize", messages=MESSAGES, return_token_strs=True)
    assert asked(client, "/detokenize", tokens=told["tokens"])["prompt"] == SAID
    assert told["count"] == len(told["tokens"]) == len(told["token_strs"])
    assert told["max_model_len"] == server.service.model.longest
    plain = asked(client, "/tokenize", prompt=SAID, add_special_tokens=False)
    assert plain["tokens"] == told["tokens"] and plain["token_strs"] is None
    assert refused(client, "/detokenize", tokens=[10**8])["param"] == "tokens"
    assert refused(client, "/tokenize", 404, prompt="a", model="nobody")["param"] == "model"
    refused(client, "/tokenize", nothing=1)


def test_half_a_character_is_no_text(client):
    json = {"content-type": "application/json"}
    for path in ("/tokenize", CHAT):
        body = b'{"prompt": "\\ud800", "messages": [{"role": "user", "content": "\\ud800"}]}'
        assert client.post(path, content=body, headers=json).status_code == 400
