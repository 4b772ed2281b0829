import pytest

from tests.serve.asking import CHAT, COMPLETIONS, GREEDY, PROMPT, asked, names, refused, streamed

CHATTING = {"messages": [{"role": "user", "content": PROMPT}], "temperature": 0, "max_tokens": 12}


def test_each_answer_is_its_adapters_greedy_one(client, offline):
    for name in names(client):
        adapter = None if name == "tiny" else name
        ids, end = offline(adapter, PROMPT, max_new_tokens=12)
        told = asked(client, model=name, **GREEDY)
        (choice,) = told["choices"]
        assert choice["text"] == end.text.replace("</s>", "")
        assert choice["finish_reason"] == end.reason
        assert told["usage"]["completion_tokens"] == len(ids)
        assert told["model"] == name


def test_the_body_is_openais(client):
    told = asked(client, model="tiny", **GREEDY)
    assert told["object"] == "text_completion" and told["id"].startswith("cmpl-")
    assert told["system_fingerprint"] is None and told["created"] > 1.7e9
    assert told["usage"]["total_tokens"] == (
        told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"]
    )


def test_a_stream_says_the_same(client):
    whole = asked(client, model="tiny", **GREEDY)
    pieces = streamed(client, model="tiny", **GREEDY)
    assert "".join(each["choices"][0]["text"] for each in pieces) == whole["choices"][0]["text"]
    reasons = [each["choices"][0]["finish_reason"] for each in pieces]
    assert reasons.pop() == whole["choices"][0]["finish_reason"] and not any(reasons)
    assert len({each["id"] for each in pieces}) == 1
    assert all("usage" not in each for each in pieces)


def test_a_stream_tells_usage_if_asked(client):
    options = {"include_usage": True}
    *pieces, last = streamed(client, **GREEDY, stream_options=options)
    whole = asked(client, **GREEDY)
    assert last["choices"] == [] and last["usage"] == whole["usage"]
    assert all(each["usage"] is None for each in pieces)
    options["continuous_usage_stats"] = True
    *pieces, last = streamed(client, **GREEDY, stream_options=options)
    counts = [each["usage"]["completion_tokens"] for each in pieces]
    assert counts == sorted(counts) and counts[-1] == last["usage"]["completion_tokens"]


def test_texts_and_token_ids_alone_or_in_lists(client):
    ids = asked(client, "/tokenize", prompt=PROMPT)["tokens"]
    body = GREEDY | {"logprobs": None}
    texts = [
        [each["text"] for each in asked(client, **body | {"prompt": prompt})["choices"]]
        for prompt in (PROMPT, ids, [PROMPT, PROMPT], [ids, ids[:3], ids])
    ]
    assert texts[0] == texts[1] and texts[2] == texts[0] * 2
    assert texts[3][0] == texts[3][2] == texts[0][0]


def test_several_choices_draw_apart_and_the_same_again(client):
    body = {"prompt": PROMPT, "max_tokens": 8, "n": 3, "seed": 7, "temperature": 1.5}
    told = asked(client, **body)
    texts = [each["text"] for each in told["choices"]]
    assert [each["index"] for each in told["choices"]] == [0, 1, 2]
    assert len({*texts}) > 1
    assert [each["text"] for each in asked(client, **body)["choices"]] == texts
    assert told["usage"]["completion_tokens"] <= 24
    unseeded = [asked(client, **body | {"seed": None})["choices"][0]["text"] for _ in range(4)]
    assert len({*unseeded}) > 1
    pieces = streamed(client, **body)
    for index, text in enumerate(texts):
        own = [each["choices"][0] for each in pieces if each["choices"][0]["index"] == index]
        assert "".join(each["text"] for each in own) == text


def test_stops_where_it_is_told_to(client):
    whole = asked(client, **GREEDY)["choices"][0]["text"]
    stop = whole[5:8]
    (choice,) = asked(client, **GREEDY, stop=stop)["choices"]
    assert choice["text"] == whole[: whole.index(stop)] and choice["finish_reason"] == "stop"
    assert asked(client, **GREEDY, stop=["nowhere", stop])["choices"][0] == choice
    pieces = streamed(client, **GREEDY, stop=stop)
    assert "".join(each["choices"][0]["text"] for each in pieces) == choice["text"]


def test_what_stopped_it_is_told_if_the_request_brought_it(client):
    whole = asked(client, **GREEDY, ignore_eos=True, return_token_ids=True)["choices"][0]
    assert whole["stop_reason"] is None and whole["finish_reason"] == "length"
    stop, id_ = whole["text"][5:8], whole["token_ids"][4]
    told = asked(client, **GREEDY, stop=["nowhere", stop])["choices"][0]
    assert (told["finish_reason"], told["stop_reason"]) == ("stop", stop)
    said = asked(client, CHAT, **CHATTING)["choices"][0]["message"]["content"]
    told = asked(client, CHAT, **CHATTING, stop=said[3:6])["choices"][0]
    assert (told["finish_reason"], told["stop_reason"]) == ("stop", said[3:6])
    by_id = {"stop_token_ids": [id_], "ignore_eos": True}
    assert asked(client, **GREEDY, **by_id)["choices"][0]["stop_reason"] == id_
    reasons = [each["choices"][0]["stop_reason"] for each in streamed(client, **GREEDY, **by_id)]
    assert reasons.pop() == id_ and not any(reasons)


def test_a_models_own_end_token_is_no_reason(repeating):
    """Of an engine that repeats its prompt, so that the end token is said."""
    end = sorted(repeating.service.model.end_ids)[0]
    body = {"prompt": [5, 6, end], "max_tokens": 9}
    assert asked(repeating.client, **body)["choices"][0]["stop_reason"] is None
    body |= {"stop_token_ids": [end]}
    assert asked(repeating.client, **body)["choices"][0]["stop_reason"] is None
    assert asked(repeating.client, **body, ignore_eos=True)["choices"][0]["stop_reason"] == end


def test_special_tokens_arent_text(repeating):
    """Of an engine that repeats its prompt, so that the end token is said."""
    client = repeating.client
    said = asked(client, "/tokenize", prompt="the small river", add_special_tokens=False)["tokens"]
    model = repeating.service.model
    (end,) = model.tokens.tokenizer.encode("</s>", add_special_tokens=False).ids
    body = {"prompt": [*said, end], "max_tokens": 20}
    told = asked(client, **body)
    assert told["choices"][0]["text"] == "the small river"
    assert told["choices"][0]["finish_reason"] == "stop"
    assert told["usage"]["completion_tokens"] == len(said) + 1
    pieces = streamed(client, **body)
    assert "".join(each["choices"][0]["text"] for each in pieces) == "the small river"
    shown = asked(client, **body, skip_special_tokens=False)
    assert shown["choices"][0]["text"] == "the small river</s>"
    on = asked(client, **body, ignore_eos=True)
    assert on["usage"]["completion_tokens"] == 20
    assert on["choices"][0]["finish_reason"] == "length" and "</s>" not in on["choices"][0]["text"]
    least = asked(client, **body, min_tokens=len(said) + 2)
    assert least["usage"]["completion_tokens"] > len(said) + 1
    stopped = asked(client, **body, ignore_eos=True, stop_token_ids=said[1:2])
    assert stopped["usage"]["completion_tokens"] == 2


def test_echo_and_log_probabilities(client):
    whole = asked(client, **GREEDY)["choices"][0]["text"]
    assert asked(client, **GREEDY, echo=True)["choices"][0]["text"] == PROMPT + whole
    (choice,) = asked(client, **GREEDY, logprobs=2)["choices"]
    told = choice["logprobs"]
    assert "".join(told["tokens"]).strip() == choice["text"].strip()
    assert len({*map(len, told.values())}) == 1
    for token, logprob, top in zip(
        told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True
    ):
        assert top[token] == logprob == max(top.values()) <= 0
    pieces = streamed(client, **GREEDY, logprobs=2)
    parts = [each["choices"][0]["logprobs"]["tokens"] for each in pieces]
    assert [token for part in parts for token in part] == told["tokens"]


def test_echo_with_log_probabilities_tells_the_prompts_as_well(client, offline):
    """As the harness of EleutherAI asks: by token ids, several at once, for one token more."""
    ids = asked(client, "/tokenize", prompt=PROMPT)["tokens"]
    body = GREEDY | {"max_tokens": 1, "logprobs": 1, "echo": True, "prompt": [ids, ids[:3]]}
    for choice, own in zip(
        asked(client, **body, model="sql")["choices"], body["prompt"], strict=True
    ):
        told = choice["logprobs"]
        assert {*map(len, told.values())} == {len(own) + 1}
        assert told["token_logprobs"][0] is None is told["top_logprobs"][0]
        for logprob, top in zip(told["token_logprobs"][1:], told["top_logprobs"][1:], strict=True):
            assert logprob in top.values() and logprob <= max(top.values()) <= 0
        assert "".join(told["tokens"]).removeprefix("<s>") == choice["text"]


def test_a_stream_tells_the_prompts_log_probabilities_first(client):
    body = GREEDY | {"logprobs": 2, "echo": True, "model": "sql"}
    (choice,) = asked(client, **body)["choices"]
    parts = [each["choices"][0] for each in streamed(client, **body)]
    assert "".join(each["text"] for each in parts) == choice["text"]
    for name, told in choice["logprobs"].items():
        assert [each for part in parts for each in part["logprobs"][name]] == told
    for offset, token in zip(
        choice["logprobs"]["text_offset"], choice["logprobs"]["tokens"], strict=True
    ):
        assert token == "<s>" or choice["text"][offset:].startswith(token)


def test_tokens_begin_where_their_characters_do(client):
    """Each byte of what isn't ASCII is a token of the embedded model's."""
    prompt = "né 🙂, "
    body = GREEDY | {"prompt": prompt, "max_tokens": 1, "logprobs": 0, "echo": True}
    (choice,) = asked(client, **body, model="sql")["choices"]
    tokens, places = (choice["logprobs"][name] for name in ("tokens", "text_offset"))
    begin = 1 if tokens[0] == "<s>" else 0
    assert places[begin:-1] == [0, 1, 1, 2, 3, 3, 3, 3, 4, 5]
    assert places[-1] == len(prompt)


def test_an_engine_that_cant_tell_the_prompts_refuses(repeating):
    error = refused(repeating.client, **GREEDY, echo=True, logprobs=1)
    assert "log-probabilities of a prompt" in error["message"]


def test_penalties_change_what_is_said(client):
    plain = asked(client, **GREEDY | {"max_tokens": 40})["choices"][0]["text"]
    for penalty in ("repetition_penalty", "presence_penalty", "frequency_penalty"):
        body = GREEDY | {"max_tokens": 40, penalty: 2}
        assert asked(client, **body)["choices"][0]["text"] != plain
    cut = GREEDY | {"temperature": 2, "top_k": 1, "top_p": 0.9, "min_p": 0.1, "max_tokens": 40}
    assert asked(client, **cut)["choices"][0]["text"] == plain
    assert asked(client, **GREEDY, top_k=-1)["choices"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", "many"),
        ("temperature", -1),
        ("top_p", 0),
        ("top_k", -2),
        ("n", 0),
        ("n", 10_000),
        ("min_p", 2),
        ("logprobs", -1),
        ("stop", ["x"] * 40),
        ("prompt", []),
        ("prompt", ""),
        ("prompt", [[]]),
        ("prompt", [-1]),
        ("prompt", [10**7]),
        ("prompt", {"a": 1}),
        ("prompt", None),
        ("presence_penalty", 3),
        ("suffix", "x"),
        ("best_of", 2),
        ("logit_bias", {"5": 1}),
        ("use_beam_search", True),
        ("stream_options", 5),
    ],
)
def test_what_is_wrong_is_named(client, field, value):
    error = refused(client, **GREEDY | {field: value})
    assert error["param"] == field and error["type"] == "BadRequestError"


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ([-1], "greater than or equal to 0"),
        ([[5], [-1]], "greater than or equal to 0"),
        ([2**31], "less than 2147483648"),
        ([[]], "at least 1 item"),
        (5, "a valid string"),
    ],
)
def test_what_is_wrong_is_said_of_the_type_that_was_sent(client, prompt, says):
    """Texts and ids are prompts, one or several."""
    assert says in refused(client, **GREEDY | {"prompt": prompt})["message"]


def test_fields_at_their_defaults_and_unknown_ones_are_no_matter(client):
    at_rest = {"suffix": None, "best_of": 1, "logit_bias": {}, "user": "me", "nobody_knows": [1]}
    nulls = dict.fromkeys(("n", "stop", "top_p", "top_k", "min_p", "seed", "stream", "logprobs"))
    assert asked(client, **GREEDY, **at_rest, **nulls)["choices"]


def test_what_has_no_room_is_refused_with_the_numbers(client):
    error = refused(client, **GREEDY | {"max_tokens": 100_000})
    assert "100000 output tokens" in error["message"] and error["param"] == "max_tokens"
    error = refused(client, **GREEDY | {"prompt": [5] * 5000})
    assert error["param"] == "prompt"


@pytest.mark.parametrize("name", ["nobody", "", "tiny ", "../tiny", "TINY", "x" * 300])
def test_a_name_that_nobody_has_is_never_the_base(client, name):
    error = refused(client, status=404, **GREEDY, model=name)
    assert error["type"] == "NotFoundError" and error["param"] == "model"


def test_bodies_that_arent_json(client):
    for body in (b'{"prompt": "\\ud800"}', b"", b"{", b"[1, 2]", b"\xff\xfe", b"null", b'"text"'):
        answer = client.post(
            COMPLETIONS, content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400 and answer.json()["error"]["type"] == "BadRequestError"
