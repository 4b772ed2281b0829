"""How tests ask a server, and what an engine without one says."""

import json

PROMPT = "Once upon a time there was a"
GREEDY = {"temperature": 0, "max_tokens": 12, "prompt": PROMPT}
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"


def names(client):
    """Of all that may be asked, the base model's first."""
    return [each["id"] for each in client.get("/v1/models").json()["data"]]


def asked(client, path=COMPLETIONS, status=200, **body):
    """The JSON of an answer that has that status."""
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def refused(client, path=COMPLETIONS, status=400, **body):
    """OpenAI's error object."""
    error = asked(client, path, status, **body)["error"]
    assert {*error} == {"message", "type", "param", "code"} and error["code"] == status
    assert "\n" not in error["message"] and "Traceback" not in error["message"]
    return error


def streamed(client, path=COMPLETIONS, **body):
    """The JSON of every event of a stream, which ends as it should."""
    with client.stream("POST", path, json={**body, "stream": True}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [each for each in answer.iter_lines() if each]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(each.removeprefix("data: ")) for each in lines]
