"""`return_token_ids`: which tokens an answer is, as vLLM tells it."""

import pytest

from tests.serve.asking import CHAT, GREEDY, PROMPT, asked, streamed

SAID = [{"role": "user", "content": "Hello."}]


def test_a_completion_tells_them_whole_and_piece_by_piece(client, offline):
    ids, _ = offline("sql", PROMPT, max_new_tokens=12)
    body = {**GREEDY, "model": "sql", "return_token_ids": True}
    (choice,) = asked(client, **body)["choices"]
    assert choice["token_ids"] == ids
    assert choice["prompt_token_ids"] == asked(client, "/tokenize", prompt=PROMPT)["tokens"]
    pieces = streamed(client, **body)
    assert [id_ for each in pieces for id_ in each["choices"][0]["token_ids"]] == ids


def test_so_does_a_chat(client):
    body = {"model": "sql", "messages": SAID, "temperature": 0, "max_tokens": 6}
    told = asked(client, CHAT, **body, return_token_ids=True)
    (choice,) = told["choices"]
    assert len(choice["token_ids"]) == told["usage"]["completion_tokens"]
    pieces = streamed(client, CHAT, **body, return_token_ids=True)
    found = [id_ for each in pieces for id_ in each["choices"][0].get("token_ids", [])]
    assert found == choice["token_ids"]


@pytest.mark.parametrize("said", [{}, {"return_token_ids": False}, {"return_token_ids": None}])
def test_nobody_is_told_who_did_not_ask(client, said):
    (choice,) = asked(client, **GREEDY, **said)["choices"]
    assert "token_ids" not in choice
