import json

PROMPT = "Once upon a time there was a"
GREEDY = {"temperature": 0, "max_tokens": 12, "prompt": PROMPT}


def asked(client, status=200, path="/v1/completions", **body):
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def streamed(client, path="/v1/completions", **body):
    """The JSON of every event of a stream, which ends as it should."""
    with client.stream("POST", path, json={**body, "stream": True}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [each for each in answer.iter_lines() if each]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(each.removeprefix("data: ")) for each in lines]


def test_answers_a_prompt(client):
    told = asked(client, model="tiny", **GREEDY)
    (choice,) = told["choices"]
    assert told["object"] == "text_completion" and told["id"].startswith("cmpl-")
    assert told["model"] == "tiny" and told["system_fingerprint"] is None
    assert choice["finish_reason"] in ("stop", "length") and choice["text"]
    assert told["usage"]["completion_tokens"] <= 12


def test_a_stream_says_the_same(client):
    whole = asked(client, model="tiny", **GREEDY)
    pieces = streamed(client, model="tiny", **GREEDY)
    assert "".join(each["choices"][0]["text"] for each in pieces) == whole["choices"][0]["text"]
    assert pieces[-1]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]
    assert all(each["choices"][0]["finish_reason"] is None for each in pieces[:-1])
    assert all("usage" not in each for each in pieces)
